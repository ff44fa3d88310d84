import { afterEach, expect, test } from 'vitest'
import type { Adapter } from '../../gateway/plugin.ts'
import { adapter as auth0 } from '../../plugins/auth/auth0/auth0.ts'
import { adapter as oidc } from '../../plugins/auth/oidc/oidc.ts'
import { adapter as okta } from '../../plugins/auth/okta/okta.ts'
import { adapterUnderTest } from '../kit/adapter.ts'
import type { AdapterUnderTest } from '../kit/adapter.ts'
import { startUpstream } from '../kit/upstream.ts'
import type { TestUpstream } from '../kit/upstream.ts'

let server: TestUpstream
let subject: AdapterUnderTest | undefined

afterEach(async () => {
  await subject?.close()
  await server.close()
})

/** A provider whose issuer is at `path`, and whose token endpoint gives a token. @param over Of its discovery document. */
const provider = async (path: string, over: Readonly<Record<string, string>> = {}): Promise<void> => {
  server = await startUpstream((request, response) => {
    const issuer = `http://${request.headers.host}${path}`
    const base = issuer.replace(/\/$/, '')
    const endpoints = { authorization_endpoint: `${base}/authorize`, token_endpoint: `${base}/token`, jwks_uri: `${base}/keys` }
    const answers: Readonly<Record<string, object>> = {
      [`${new URL(base).pathname.replace(/\/$/, '')}/.well-known/openid-configuration`]: { issuer, ...endpoints, ...over },
      [new URL(endpoints.token_endpoint).pathname]: { access_token: 'opaque', token_type: 'Bearer', expires_in: '600' },
      [new URL(endpoints.jwks_uri).pathname]: { keys: [{ kty: 'oct', k: 'AQAB' }] },
    }
    const answer = answers[request.url ?? '']
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}))
  })
}

const open = async (adapter: Adapter, settings: Readonly<Record<string, string>> = {}): Promise<AdapterUnderTest> => {
  subject = await adapterUnderTest(adapter, {
    baseUrl: server.url,
    auth: { type: 'oauth2', client_id: 'shop: 1', client_secret: 'se+cret/ä' },
    settings,
  })
  return subject
}

const authorized = async (by: AdapterUnderTest, input = {}): Promise<URL> => {
  const { url } = (await by.call('authorize', { redirect_uri: 'https://shop.example/callback', ...input })) as { url: string }
  return new URL(url)
}

const tokenRequest = async (by: AdapterUnderTest): Promise<{ body: Record<string, string>; authorization: string | undefined }> => {
  expect(await by.call('token', { grant_type: 'client_credentials' })).toMatchObject({ access_token: 'opaque', expires_in: 600 })
  const { body = '', headers } = server.seen.findLast(({ method }) => method === 'POST') ?? {}
  return { body: Object.fromEntries(new URLSearchParams(body)), authorization: headers?.authorization }
}

test('Auth0: the issuer ends with a slash, an audience is asked for by its name, the secret goes into the body', async () => {
  await provider('/')
  const by = await open(auth0, { audience: 'https://api.example.test' })
  const query = (await authorized(by)).searchParams
  expect(query.get('audience')).toBe('https://api.example.test')
  expect(query.has('resource')).toBe(false)
  expect(await tokenRequest(by)).toEqual({
    body: { grant_type: 'client_credentials', audience: 'https://api.example.test', client_id: 'shop: 1', client_secret: 'se+cret/ä' },
    authorization: undefined,
  })
})

test('Okta: the authorization server is part of the path, and decides on the audience', async () => {
  await provider('/oauth2/aus123')
  const by = await open(okta, { authorization_server: 'aus123' })
  const url = await authorized(by, { audience: 'https://ignored.example' })
  expect(url.pathname).toBe('/oauth2/aus123/authorize')
  expect([url.searchParams.has('audience'), url.searchParams.has('resource')]).toEqual([false, false])
  const { authorization } = await tokenRequest(by)
  // RFC 6749, 2.3.1: form-encoded, then Basic.
  expect(Buffer.from(authorization?.replace('Basic ', '') ?? '', 'base64').toString()).toBe('shop%3A+1:se%2Bcret%2F%C3%A4')
})

test('Okta: the authorization server of the organisation is at its root', async () => {
  await provider('')
  expect((await authorized(await open(okta, { authorization_server: 'org' }))).pathname).toBe('/authorize')
})

test('OpenID Connect: a resource is asked for as RFC 8707 has it; a call may name another one', async () => {
  await provider('')
  const by = await open(oidc, { audience: 'https://api.example.test' })
  expect((await authorized(by)).searchParams.get('resource')).toBe('https://api.example.test')
  expect((await authorized(by, { audience: 'https://other.example.test' })).searchParams.get('resource')).toBe('https://other.example.test')
})

test('a public client has no secret', async () => {
  await provider('')
  subject = await adapterUnderTest(oidc, { baseUrl: server.url, settings: { client_id: 'app' } })
  expect(await tokenRequest(subject)).toEqual({ body: { grant_type: 'client_credentials', client_id: 'app' }, authorization: undefined })
})

test('a discovery document cannot send secrets elsewhere', async () => {
  await provider('', { token_endpoint: 'https://evil.example/token', jwks_uri: 'http://169.254.169.254/latest' })
  const by = await open(oidc)
  await expect(by.call('token', { grant_type: 'client_credentials' })).rejects.toMatchObject({ kind: 'invalid_response', executed: 'no' })
  await expect(by.call('jwks', {})).rejects.toMatchObject({ kind: 'invalid_response', executed: 'no' })
  expect(server.seen.every(({ url }) => url.endsWith('/openid-configuration'))).toBe(true)
})

test('keys that are not fit for signatures are left out', async () => {
  await provider('')
  expect(await (await open(oidc)).call('jwks', {})).toMatchObject({ keys: [], stale: false })
})

test.each([
  ['no grant', {}],
  ['a grant that is not known', { grant_type: 'password', username: 'ada' }],
  ['a code without its address', { grant_type: 'authorization_code', code: 'x' }],
  ['no refresh token', { grant_type: 'refresh_token' }],
])('token does not take %s', async (_what, input) => {
  await provider('')
  await expect((await open(oidc)).call('token', input)).rejects.toThrow('input of token does not fit')
})
