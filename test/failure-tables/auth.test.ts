import { afterEach, beforeEach, expect, test } from 'vitest'
import { startGateway } from '../kit/gateway.ts'
import type { TestGateway } from '../kit/gateway.ts'
import { oidcClient, startOidc } from '../kit/oidc.ts'
import type { OidcServer } from '../kit/oidc.ts'
import { until } from '../kit/until.ts'
import { caller } from './caller.ts'
import type { Caller, ToldCaller } from './caller.ts'

const audience = 'https://api.example.test'

/** The provider of the design: keys cached for a day, tokens until they expire, local sessions while it is away. */
const yaml = (issuer: string, caches: string): string => `
integrations:
  login:
    plugin: oidc
    criticality: critical
    base_url: ${issuer}
    auth: { type: oauth2, client_id: headgate, client_secret: a-secret-of-the-tests-only }
    timeout: 300ms
    retry: { max_attempts: 1 }
    settings: { audience: "${audience}"${caches} }
    operations:
      verify:
        failure_modes:
          provider_down:
            when: [network_error, timeout, service_down, provider_error, circuit_open]
            then: use_local_session
            tell: Please come back later
routing_rules:
  - { path: /login/token, methods: [POST], integration: login.token }
  - path: /session
    methods: [GET]
    integration: login.verify
    request: { token: '{{ headers.authorization.split(" ")[1] }}' }
    response: { body: { client: "{{ output.claims.client_id }}", session: "{{ output.session }}" } }
`

let server: OidcServer
let gateway: TestGateway
let shop: Caller

const start = async (caches = ''): Promise<void> => {
  gateway = await startGateway(yaml(server.issuer, caches))
  shop = caller(gateway.url)
}

beforeEach(async () => {
  server = await startOidc({ clients: [oidcClient('http://127.0.0.1:9/callback')], audience })
})
afterEach(async () => {
  await gateway.close()
  await server.stop()
})

const token = (scope = 'api:read'): Promise<ToldCaller> => shop.post('/login/token', { grant_type: 'client_credentials', scope })

const session = async (bearer: unknown): Promise<{ readonly status: number; readonly body: unknown }> => {
  const answer = await fetch(`${gateway.url}/session`, { headers: { authorization: `Bearer ${String(bearer)}` } })
  return { status: answer.status, body: await answer.json() }
}

const asked = (path: string): number => server.requests().filter((one) => one === path).length

test('provider down: tokens are checked with the keys at hand, and given out until they expire', async () => {
  await start()
  const first = await token()
  const bearer = first.body['access_token']
  expect(await session(bearer)).toEqual({ status: 200, body: { client: 'headgate', session: 'provider' } })
  expect([asked('/jwks'), asked('/token')]).toEqual([1, 1])
  for (const away of [() => Promise.resolve(server.freeze()), () => server.kill()]) {
    await away()
    expect(await session(bearer)).toEqual({ status: 200, body: { client: 'headgate', session: 'provider' } })
    expect((await token()).body).toMatchObject({ access_token: bearer, cached: true })
  }
  expect([asked('/jwks'), asked('/token')]).toEqual([1, 1])
  // What is not at hand has to be asked for.
  expect((await token('api:write')).status).toBeGreaterThanOrEqual(500)
})

test('provider down, and its keys are too old: whoever was known is known by the local session, for as long as it lasts', async () => {
  await start(', jwks_cache: 100ms, stale_for: 100ms, jwks_cooldown: 10ms, local_sessions: 3s')
  const bearer = (await token()).body['access_token']
  const other = (await token('api:write')).body['access_token']
  expect(await session(bearer)).toMatchObject({ status: 200, body: { session: 'provider' } })
  await server.kill()
  await until('the keys are gone', async () => JSON.stringify(await session(bearer)).includes('local'))
  expect(await session(bearer)).toEqual({ status: 200, body: { client: 'headgate', session: 'local' } })
  const unknown = await session(other)
  expect(unknown.status).toBeGreaterThanOrEqual(500)
  expect(JSON.stringify(unknown.body)).toContain('Please come back later')
  await until('the local session has ended', async () => (await session(bearer)).status >= 500)
  await server.start()
  await until('the provider is asked again', async () => (await session(bearer)).status === 200)
  expect(await session(bearer)).toMatchObject({ body: { session: 'provider' } })
})
