import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startGateway } from '../kit/gateway.ts'
import type { TestGateway } from '../kit/gateway.ts'
import { oidcClient, startOidc } from '../kit/oidc.ts'
import type { OidcServer } from '../kit/oidc.ts'
import { until } from '../kit/until.ts'

const redirectUri = 'http://127.0.0.1:9/callback'

const yaml = (issuer: string, sessions: string): string => `
integrations:
  login:
    plugin: oidc
    criticality: critical
    base_url: ${issuer}
    auth: { type: oauth2, client_id: headgate, client_secret: a-secret-of-the-tests-only }
    timeout: 400ms
    retry: { max_attempts: 1 }
    settings: { local_sessions: ${sessions} }
    operations:
      userinfo:
        failure_modes:
          provider_down:
            when: [network_error, timeout, service_down, provider_error, circuit_open]
            then: use_local_session
            tell: Please sign in again later.
routing_rules:
  - path: /login
    methods: [POST]
    integration: login.authorize
  - path: /login/token
    methods: [POST]
    integration: login.token
  - path: /me
    methods: [GET]
    integration: login.userinfo
    request: { access_token: '{{ headers.authorization.split(" ")[1] }}' }
    response: { body: { user: "{{ output.claims.sub }}", session: "{{ output.session }}", verified_at: "{{ output.verified_at }}" } }
`

let server: OidcServer
let folder = ''
let gateway: TestGateway | undefined

const start = async (sessions = '1h'): Promise<void> => {
  gateway = await startGateway(yaml(server.issuer, sessions), folder)
}

beforeEach(async () => {
  server = await startOidc({ clients: [oidcClient(redirectUri)] })
  folder = await mkdtemp(join(tmpdir(), 'headgate-oidc-'))
})
afterEach(async () => {
  await gateway?.close()
  await server.stop()
  await rm(folder, { recursive: true })
})

type Fields = Record<string, string>

const post = async (path: string, body: object): Promise<Fields> => {
  const answer = await fetch(`${gateway?.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const fields = (await answer.json()) as Fields
  expect({ path, status: answer.status, fields }).toMatchObject({ status: 200 })
  return fields
}

const signedIn = async (): Promise<string> => {
  const { url = '', nonce, code_verifier } = await post('/login', { redirect_uri: redirectUri })
  const code = (await server.signIn(url, 'ada')).searchParams.get('code')
  const grant = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier, nonce }
  return (await post('/login/token', grant))['access_token'] ?? ''
}

const me = async (token: string): Promise<{ readonly status: number; readonly body: Fields }> => {
  const answer = await fetch(`${gateway?.url}/me`, { headers: { authorization: `Bearer ${token}` } })
  return { status: answer.status, body: (await answer.json()) as Fields }
}

test('people who signed in are known while the provider is away, others are told to come later', async () => {
  await start()
  const [known, unknown] = [await signedIn(), await signedIn()]
  const before = await me(known)
  expect(before).toMatchObject({ status: 200, body: { user: 'ada', session: 'provider' } })
  for (const disturb of [async () => server.freeze(), () => server.kill()]) {
    await disturb()
    expect(await me(known)).toEqual({ status: 200, body: { ...before.body, session: 'local' } })
    const other = await me(unknown)
    expect(other.status).toBeGreaterThanOrEqual(500)
    expect(JSON.stringify(other.body)).toContain('Please sign in again later.')
  }
  await server.start()
  expect(await me(unknown)).toMatchObject({ status: 200, body: { session: 'provider' } })
})

test('they are known no longer than `local_sessions` says', async () => {
  await start('700ms')
  const token = await signedIn()
  await me(token)
  await server.kill()
  expect(await me(token)).toMatchObject({ status: 200, body: { session: 'local' } })
  await until('the local session has ended', async () => (await me(token)).status !== 200)
  expect((await me(token)).status).toBeGreaterThanOrEqual(500)
})

test('tokens and codes are nowhere on the disk', async () => {
  await start()
  const token = await signedIn()
  await me(token)
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const holding = await Promise.all(
    files.map(async ({ parentPath, name }) => ((await readFile(join(parentPath, name))).includes(token) ? name : undefined)),
  )
  expect(holding.filter((name) => name !== undefined)).toEqual([])
  expect(files.length).toBeGreaterThan(0)
  expect(gateway?.log.join('\n')).not.toContain(token)
})
