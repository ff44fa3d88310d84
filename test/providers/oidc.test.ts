import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Json } from '../../gateway/plugin.ts'
import { adapter } from '../../plugins/auth/oidc/oidc.ts'
import { adapterUnderTest } from '../kit/adapter.ts'
import type { AdapterUnderTest } from '../kit/adapter.ts'
import { oidcClient, startOidc } from '../kit/oidc.ts'
import type { OidcServer } from '../kit/oidc.ts'

const redirectUri = 'http://127.0.0.1:9/callback'
const audience = 'https://api.example.test'
const minuteMs = 60_000
const hourMs = 3_600_000

let server: OidcServer
let subject: AdapterUnderTest
/** Injected: the provider's own clock goes on as always. */
let aheadMs = 0

const open = (settings: Readonly<Record<string, string>> = {}): Promise<AdapterUnderTest> =>
  adapterUnderTest(adapter, {
    baseUrl: server.issuer,
    auth: { type: 'oauth2', client_id: 'headgate', client_secret: '${secret:login#secret}' },
    secrets: { 'login#secret': 'a-secret-of-the-tests-only' },
    settings: { scope: 'openid email offline_access', refresh_timeout: '300ms', ...settings },
    now: () => Date.now() + aheadMs,
  })

/** As far as the tests pass its fields on, they are texts. */
type Output = Readonly<Record<string, string>>

const call = async (operation: string, input: Json, by = subject): Promise<Output> =>
  (await by.call(operation, input, { signal: AbortSignal.timeout(3000) })) as Output

/** `kind code` of the failure. */
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ({ value }),
    (error: unknown) => {
      const { kind, code, executed, status } = error as Record<string, unknown>
      return { kind, executed, ...(code === undefined ? {} : { code }), ...(status === undefined ? {} : { status }) }
    },
  )

const local = (operation: string, input: Json, by = subject): Json | undefined =>
  by.instance.operations[operation]?.local?.({ input, key: 'k', attempt: 1, firstAttemptAtMs: 0, signal: new AbortController().signal })

const fetches = (path: string): number => server.requests().filter((request) => request === path).length

const signedIn = async (account: string, by = subject): Promise<Output> => {
  const asked = await call('authorize', { redirect_uri: redirectUri }, by)
  const back = await server.signIn(String(asked['url']), account)
  expect(back.searchParams.get('state')).toBe(asked['state'])
  return call(
    'token',
    {
      grant_type: 'authorization_code',
      code: back.searchParams.get('code'),
      redirect_uri: redirectUri,
      code_verifier: asked['code_verifier'] ?? null,
      nonce: asked['nonce'] ?? null,
    },
    by,
  )
}

beforeAll(async () => {
  server = await startOidc({ clients: [oidcClient(redirectUri)], audience })
})
afterAll(() => server.stop())

beforeEach(async () => {
  aheadMs = 0
  server.thaw()
  await server.kill()
  await server.start()
  subject = await open({ audience })
  return () => subject.close()
})

describe('signing in', () => {
  test('goes from authorize over the code with PKCE to tokens, the claims of the ID token and userinfo', async () => {
    const tokens = await signedIn('ada')
    expect(tokens).toMatchObject({ token_type: 'Bearer', cached: false, claims: { iss: server.issuer, aud: 'headgate', sub: 'ada' } })
    expect(await call('userinfo', { access_token: tokens['access_token'] ?? null })).toMatchObject({
      session: 'provider',
      claims: { sub: 'ada', email: 'ada@example.com' },
    })
  })

  test('authorize asks for S256 of a verifier that only the caller gets, and makes state and nonce anew each time', async () => {
    const [one, two] = [await call('authorize', { redirect_uri: redirectUri }), await call('authorize', { redirect_uri: redirectUri })]
    const query = new URL(String(one['url'])).searchParams
    expect(Object.fromEntries(query)).toEqual({
      response_type: 'code',
      client_id: 'headgate',
      redirect_uri: redirectUri,
      scope: 'openid email offline_access',
      state: one['state'],
      nonce: one['nonce'],
      code_challenge: createHash('sha256').update(String(one['code_verifier'])).digest('base64url'),
      code_challenge_method: 'S256',
      resource: audience,
    })
    expect(new Set([one['state'], two['state'], one['nonce'], two['nonce'], one['code_verifier'], two['code_verifier']]).size).toBe(6)
  })

  test('a code counts once, and not with another verifier', async () => {
    const asked = await call('authorize', { redirect_uri: redirectUri })
    const code = (await server.signIn(String(asked['url']), 'ada')).searchParams.get('code')
    const grant = { grant_type: 'authorization_code', code, redirect_uri: redirectUri }
    const refused = { kind: 'rejected', code: 'invalid_grant', executed: 'no', status: 400 }
    expect(await failure(call('token', { ...grant, code_verifier: 'x'.repeat(43) }))).toEqual(refused)
    const again = await call('authorize', { redirect_uri: redirectUri })
    const second = { ...grant, code: (await server.signIn(String(again['url']), 'ada')).searchParams.get('code') }
    const right = { ...second, code_verifier: again['code_verifier'] ?? null }
    expect(await call('token', right)).toMatchObject({ claims: { sub: 'ada' } })
    expect(await failure(call('token', right))).toEqual(refused)
  })

  test('an ID token of another sign-in is not taken, and the code is used up', async () => {
    const asked = await call('authorize', { redirect_uri: redirectUri })
    const code = (await server.signIn(String(asked['url']), 'ada')).searchParams.get('code')
    const input = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: asked['code_verifier'] ?? null, nonce: 'other' }
    expect(await failure(call('token', input))).toEqual({ kind: 'invalid_response', code: 'nonce_mismatch', executed: 'yes' })
  })

  test('a refresh token gives new tokens', async () => {
    const { refresh_token: refresh = null, access_token: old = null } = await signedIn('ada')
    const next = await call('token', { grant_type: 'refresh_token', refresh_token: refresh })
    expect(next['access_token']).not.toBe(old)
    expect(next['claims']).toMatchObject({ sub: 'ada' })
    expect(await failure(call('token', { grant_type: 'refresh_token', refresh_token: 'made-up' }))).toMatchObject({ code: 'invalid_grant' })
  })

  test('a wrong client secret is our own fault, not that of the caller, and stands in no message', async () => {
    const wrong = await adapterUnderTest(adapter, {
      baseUrl: server.issuer,
      auth: { type: 'oauth2', client_id: 'headgate', client_secret: 'wrong-secret' },
    })
    const attempt = call('token', { grant_type: 'client_credentials' }, wrong)
    expect(await failure(attempt)).toEqual({ kind: 'unauthorized', code: 'invalid_client', executed: 'no', status: 401 })
    await expect(attempt).rejects.not.toThrow('wrong-secret')
    await wrong.close()
  })

  test('end_session names the address to sign out at, and ends the local session', async () => {
    const { access_token: accessToken = null, id_token: hint = null } = await signedIn('ada')
    await call('userinfo', { access_token: accessToken })
    expect(local('userinfo', { access_token: accessToken })).toBeDefined()
    const { url } = await call('end_session', { id_token_hint: hint, access_token: accessToken })
    expect(String(url)).toContain(`${server.issuer}/session/end?client_id=headgate&id_token_hint=`)
    expect(local('userinfo', { access_token: accessToken })).toBeUndefined()
  })
})

test('a client id that is a secret is read whenever it is needed', async () => {
  const secrets = { 'login#id': 'headgate', 'login#secret': 'a-secret-of-the-tests-only' }
  const auth = { type: 'oauth2', client_id: '${secret:login#id}', client_secret: '${secret:login#secret}' } as const
  const secretive = await adapterUnderTest(adapter, { baseUrl: server.issuer, auth, secrets, settings: { scope: 'openid' } })
  onTestFinished(() => secretive.close())
  const tokens = await signedIn('ada', secretive)
  expect(await call('verify', { token: tokens['id_token'] ?? null }, secretive)).toMatchObject({ claims: { aud: 'headgate', sub: 'ada' } })
  expect((await call('end_session', {}, secretive))['url']).toContain('client_id=headgate')
})

describe('tokens of the client itself', () => {
  const grant = { grant_type: 'client_credentials', scope: 'api:read' }

  test('are kept until shortly before they expire, one fetch for all who wait', async () => {
    const before = fetches('/token')
    const all = await Promise.all(Array.from({ length: 5 }, () => call('token', grant)))
    expect(fetches('/token') - before).toBe(1)
    expect(new Set(all.map((tokens) => tokens['access_token'])).size).toBe(1)
    aheadMs = 8 * minuteMs
    expect(await call('token', grant)).toMatchObject({ cached: true, access_token: all[0]?.['access_token'] })
    aheadMs = 9 * minuteMs + 1000
    expect(await call('token', grant)).toMatchObject({ cached: false })
    expect(fetches('/token') - before).toBe(2)
  })

  test('are kept by scope', async () => {
    const [one, other] = [await call('token', grant), await call('token', { ...grant, scope: 'api:write' })]
    expect(one['access_token']).not.toBe(other['access_token'])
  })

  test('are given out while the provider is away', async () => {
    await call('token', grant)
    await server.kill()
    expect(await call('token', grant)).toMatchObject({ cached: true })
  })
})

describe('checking tokens', () => {
  const fresh = async (): Promise<string> => String((await call('token', { grant_type: 'client_credentials', scope: 'api:read' }))['access_token'])

  test('needs no call once discovery and keys are known', async () => {
    const token = await fresh()
    await call('verify', { token })
    const before = server.requests().length
    expect(await call('verify', { token })).toMatchObject({ session: 'provider', claims: { aud: audience, scope: 'api:read', iss: server.issuer } })
    expect(server.requests().length).toBe(before)
  })

  test('uses the keys for 24 hours, then asks again', async () => {
    await call('jwks', {})
    const before = fetches('/jwks')
    aheadMs = 24 * hourMs - 1000
    expect(await call('jwks', {})).toMatchObject({ stale: false })
    expect(fetches('/jwks')).toBe(before)
    aheadMs = 24 * hourMs
    await call('jwks', {})
    expect(fetches('/jwks')).toBe(before + 1)
  })

  test('uses an old copy of the keys for another 24 hours while the provider is away or hangs', async () => {
    const token = await fresh()
    await call('verify', { token })
    aheadMs = 24 * hourMs
    server.freeze()
    expect(await call('jwks', {})).toMatchObject({ stale: true })
    const asked = server.requests().length
    expect(await call('jwks', {})).toMatchObject({ stale: true })
    expect(server.requests().length, 'it is not asked again within the cooldown').toBe(asked)
    await server.kill()
    aheadMs = 48 * hourMs - 1000
    expect(await call('jwks', {})).toMatchObject({ stale: true })
    aheadMs = 48 * hourMs
    expect(await failure(call('jwks', {}))).toEqual({ kind: 'network_error', executed: 'no' })
    expect(subject.lines.some(({ message }) => message.includes('the last copy is used'))).toBe(true)
  })

  test('finds a rotated key at once, and asks for unknown ones at most once a minute', async () => {
    await call('verify', { token: await fresh() })
    await server.rotate({ keepOld: true })
    aheadMs = 10 * minuteMs
    const rotated = await fresh()
    const before = fetches('/jwks')
    await Promise.all([call('verify', { token: rotated }), call('verify', { token: rotated })])
    expect(fetches('/jwks') - before).toBe(1)
    const strange = withHeader(rotated, { alg: 'RS256', kid: 'nobody' })
    const unknown = { kind: 'rejected', code: 'key_unknown', executed: 'no' }
    for (let attempt = 0; attempt < 20; attempt += 1) expect(await failure(call('verify', { token: strange }))).toEqual(unknown)
    expect(fetches('/jwks') - before).toBe(1)
    aheadMs += minuteMs
    expect(await failure(call('verify', { token: strange }))).toEqual(unknown)
    expect(fetches('/jwks') - before).toBe(2)
  })

  test('does not judge a token whose key may be new while the provider is away, and does not count that against it', async () => {
    const token = await fresh()
    await call('verify', { token })
    await server.kill()
    const strange = withHeader(token, { alg: 'RS256', kid: 'nobody' })
    expect(await failure(call('verify', { token: strange }))).toEqual({ kind: 'network_error', executed: 'no' })
    expect(await failure(call('verify', { token: strange }))).toEqual({ kind: 'circuit_open', executed: 'no' })
    expect(await call('verify', { token })).toMatchObject({ session: 'provider' })
  })

  test.each([
    ['no JWT', () => 'abc', 'token_malformed'],
    ['a signature that was altered', (token: string) => `${token.slice(0, -10)}AAAAAAAAAA`, 'signature_invalid'],
    ['padding', (token: string) => `${token}==`, 'token_malformed'],
    ['a space', (token: string) => token.replace('.', ' .'), 'token_malformed'],
    ['alg none', (token: string) => withHeader(token, { alg: 'none' }), 'algorithm_not_allowed'],
    ['a shared secret as algorithm', (token: string) => withHeader(token, { alg: 'HS256', kid: 'key-1' }), 'algorithm_not_allowed'],
    ['another purpose', (token: string) => withHeader(token, { alg: 'RS256', typ: 'logout+jwt' }), 'type_not_allowed'],
    ['an extension that nobody knows', (token: string) => withHeader(token, { alg: 'RS256', crit: ['b64'], b64: false }), 'token_malformed'],
  ])('refuses %s', async (_what, forge, code) => {
    expect(await failure(call('verify', { token: forge(await fresh()) }))).toEqual({ kind: 'rejected', executed: 'no', code })
  })

  test('refuses expired tokens, those for another audience, and those of another issuer', async () => {
    const token = await fresh()
    aheadMs = 10 * minuteMs + 29_000
    expect(await call('verify', { token })).toMatchObject({ session: 'provider' })
    aheadMs = 10 * minuteMs + 31_000
    expect(await failure(call('verify', { token }))).toMatchObject({ code: 'token_expired' })
    aheadMs = 0
    const other = await open({ audience: 'https://other.example.test' })
    expect(await failure(call('verify', { token }, other))).toMatchObject({ code: 'audience_mismatch' })
    await other.close()
    const stranger = await startOidc({ clients: [oidcClient(redirectUri)], audience })
    const foreign = await adapterUnderTest(adapter, {
      baseUrl: stranger.issuer,
      auth: { type: 'oauth2', client_id: 'headgate', client_secret: 'a-secret-of-the-tests-only' },
      settings: { audience },
    })
    const theirs = await call('token', { grant_type: 'client_credentials', scope: 'api:read' }, foreign)
    expect(await failure(call('verify', { token: theirs['access_token'] ?? null }))).toMatchObject({ kind: 'rejected' })
    await foreign.close()
    await stranger.stop()
  })

  test('an ID token is not an access token: it is for the client, not for the API', async () => {
    const { id_token: idToken = null } = await signedIn('ada')
    expect(await failure(call('verify', { token: idToken }))).toMatchObject({ code: 'audience_mismatch' })
  })
})

describe('local sessions', () => {
  const opaque = (): Promise<AdapterUnderTest> => open()

  test.each(['killed', 'frozen'])('answer for what the provider had confirmed while it is %s, for an hour', async (how) => {
    const own = await open({ local_sessions: '1h' })
    const { access_token: accessToken = null } = await signedIn('ada', own)
    const input = { access_token: accessToken }
    const before = await call('userinfo', input, own)
    await (how === 'killed' ? server.kill() : server.freeze())
    const attempt = own.call('userinfo', input, { signal: AbortSignal.timeout(300) })
    expect(await failure(attempt)).toEqual({ kind: how === 'killed' ? 'network_error' : 'timeout', executed: 'no' })
    aheadMs = 9 * minuteMs
    expect(local('userinfo', input, own)).toEqual({ ...before, session: 'local' })
    expect(local('userinfo', { access_token: 'somebody-else' }, own)).toBeUndefined()
    aheadMs = 11 * minuteMs
    expect(local('userinfo', input, own), 'its token has expired').toBeUndefined()
    await own.close()
  })

  test('end after the hour where the token would live longer', async () => {
    const long = await startOidc({ clients: [oidcClient(redirectUri)], configuration: { ttl: { AccessToken: 10 * 3600 } } })
    const own = await adapterUnderTest(adapter, {
      baseUrl: long.issuer,
      auth: { type: 'oauth2', client_id: 'headgate', client_secret: 'a-secret-of-the-tests-only' },
      now: () => Date.now() + aheadMs,
    })
    const asked = await call('authorize', { redirect_uri: redirectUri }, own)
    const code = (await long.signIn(String(asked['url']), 'ada')).searchParams.get('code')
    const grant = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: asked['code_verifier'] ?? null }
    const input = { access_token: (await call('token', grant, own))['access_token'] ?? null }
    await call('userinfo', input, own)
    await long.stop()
    aheadMs = hourMs - 1000
    expect(local('userinfo', input, own)).toMatchObject({ session: 'local', claims: { sub: 'ada' } })
    aheadMs = hourMs + 1000
    expect(local('userinfo', input, own)).toBeUndefined()
    await own.close()
  })

  test('end at once when the provider says that the token is not good any more', async () => {
    const own = await opaque()
    const { access_token: accessToken = null } = await signedIn('ada', own)
    const input = { access_token: accessToken }
    await call('userinfo', input, own)
    const body = new URLSearchParams({ token: String(accessToken) })
    const authorization = `Basic ${Buffer.from('headgate:a-secret-of-the-tests-only').toString('base64')}`
    expect((await fetch(`${server.issuer}/token/revocation`, { method: 'POST', body, headers: { authorization } })).status).toBe(200)
    expect(await failure(call('userinfo', input, own))).toEqual({ kind: 'rejected', code: 'invalid_token', executed: 'no', status: 401 })
    await server.kill()
    expect(local('userinfo', input, own)).toBeUndefined()
    await own.close()
  })

  test('are bounded: the one that was not used for longest goes first', async () => {
    const own = await adapterUnderTest(adapter, {
      baseUrl: server.issuer,
      auth: { type: 'oauth2', client_id: 'headgate', client_secret: 'a-secret-of-the-tests-only' },
      settings: { audience, max_local_sessions: 2 },
    })
    const tokens: (string | null)[] = []
    for (const scope of ['api:read', 'api:write', 'api:read api:write'])
      tokens.push((await call('token', { grant_type: 'client_credentials', scope }, own))['access_token'] ?? null)
    const [first = null, second = null, third = null] = tokens
    await call('verify', { token: first }, own)
    await call('verify', { token: second }, own)
    expect(local('verify', { token: first }, own)).toBeDefined()
    await call('verify', { token: third }, own)
    expect([first, second, third].map((token) => local('verify', { token }, own) !== undefined)).toEqual([true, false, true])
    await own.close()
  })
})

describe('the provider', () => {
  test('is probed through its discovery document', async () => {
    const probe = (): Promise<void> | undefined => subject.instance.probe?.({ signal: AbortSignal.timeout(1000) })
    await probe()
    await server.kill()
    await expect(probe()).rejects.toMatchObject({ kind: 'network_error' })
  })

  test('has to name itself as its issuer', async () => {
    const other = await adapterUnderTest(adapter, { baseUrl: server.issuer.replace('127.0.0.1', 'localhost') })
    expect(await failure(call('jwks', {}, other))).toEqual({ kind: 'invalid_response', executed: 'no' })
    await other.close()
  })

  test('may be reached at another address than its issuer says', async () => {
    const inside = await adapterUnderTest(adapter, {
      baseUrl: server.issuer.replace('127.0.0.1', 'localhost'),
      settings: { issuer: server.issuer },
    })
    expect(await call('jwks', {}, inside)).toMatchObject({ stale: false })
    await inside.close()
  })
})

/** The same claims and signature below another header. */
const withHeader = (token: string, header: object): string =>
  [Buffer.from(JSON.stringify(header)).toString('base64url'), ...token.split('.').slice(1)].join('.')
