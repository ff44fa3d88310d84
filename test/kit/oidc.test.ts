import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { oidcClient, startOidc } from './oidc.ts'
import type { OidcServer } from './oidc.ts'

const redirectUri = 'http://127.0.0.1:9/callback'
const audience = 'https://api.example.test'
const client = oidcClient(redirectUri, { token_endpoint_auth_method: 'client_secret_post' })

let server: OidcServer
/** As discovery says them. */
let endpoints: Readonly<Record<'authorization_endpoint' | 'token_endpoint' | 'userinfo_endpoint' | 'jwks_uri', string>>
beforeAll(async () => {
  server = await startOidc({ clients: [client], audience })
  endpoints = (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as typeof endpoints
})
afterAll(() => server.stop())

const tokens = async (parameters: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>> => {
  const body = new URLSearchParams({ client_id: client.client_id, client_secret: client.client_secret ?? '', ...parameters })
  const answer = await fetch(endpoints.token_endpoint, { method: 'POST', body })
  expect(answer.status).toBe(200)
  return (await answer.json()) as Readonly<Record<string, string>>
}

const tokenOfItsOwn = async (): Promise<string> => (await tokens({ grant_type: 'client_credentials', scope: 'api:read' }))['access_token'] ?? ''

const verified = (token: string): ReturnType<typeof jwtVerify> =>
  jwtVerify(token, createRemoteJWKSet(new URL(endpoints.jwks_uri)), { issuer: server.issuer, audience })

test('signs a person in, tells who it is, and takes the refresh token', async () => {
  const address = new URL(endpoints.authorization_endpoint)
  const query = { client_id: client.client_id, redirect_uri: redirectUri, response_type: 'code', scope: 'openid email', state: 'x' }
  address.search = new URLSearchParams(query).toString()
  const back = await server.signIn(address.href, 'ada')
  expect(`${back.origin}${back.pathname}`).toBe(redirectUri)
  expect(back.searchParams.get('state')).toBe('x')
  const first = await tokens({ grant_type: 'authorization_code', code: back.searchParams.get('code') ?? '', redirect_uri: redirectUri })
  expect(decodeJwt(first['id_token'] ?? '').sub).toBe('ada')
  const next = await tokens({ grant_type: 'refresh_token', refresh_token: first['refresh_token'] ?? '' })
  const info = await fetch(endpoints.userinfo_endpoint, { headers: { authorization: `Bearer ${next['access_token']}` } })
  expect(await info.json()).toMatchObject({ sub: 'ada', email: 'ada@example.com' })
})

test('says that nobody signed in where no account is given', async () => {
  const query = new URLSearchParams({ client_id: client.client_id, redirect_uri: redirectUri, response_type: 'code', scope: 'openid' })
  const back = await server.signIn(`${endpoints.authorization_endpoint}?${query.toString()}`, '')
  expect(back.searchParams.get('error')).toBe('access_denied')
})

test('gives tokens for the audience that the JWKS verify, also after a rotation', async () => {
  const old = await tokenOfItsOwn()
  expect((await verified(old)).payload).toMatchObject({ aud: audience, scope: 'api:read' })
  await server.rotate({ keepOld: true })
  await verified(old)
  await server.rotate()
  await expect(verified(old)).rejects.toThrow('no applicable key')
  await verified(await tokenOfItsOwn())
})

test('refuses while it is killed, and is there again with the same keys', async () => {
  const token = await tokenOfItsOwn()
  await server.kill()
  await expect(verified(token)).rejects.toThrow('fetch failed')
  await server.start()
  await verified(token)
})

test('takes a request and does not answer while it is frozen', async () => {
  server.freeze()
  const before = server.requests().length
  const jwks = (ms: number): Promise<Response> => fetch(`${server.issuer}/jwks`, { signal: AbortSignal.timeout(ms) })
  await expect(jwks(200)).rejects.toThrow('timeout')
  expect(server.requests().slice(before)).toEqual(['/jwks'])
  server.thaw()
  expect((await jwks(5000)).status).toBe(200)
})
