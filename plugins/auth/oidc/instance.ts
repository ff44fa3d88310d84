import { createHash, randomBytes } from 'node:crypto'
import { type AdapterContext, type AdapterInstance, type Json, type OperationCall, ProviderFailure } from '../../../gateway/plugin.ts'
import { clientTokens } from './client-tokens.ts'
import { discovery, read } from './discovery.ts'
import { keySet } from './key-set.ts'
import { type Confirmation, localSessions, statedExpiryMs } from './local-sessions.ts'
import type { operations } from './operations.ts'
import type { OidcConfig } from './settings.ts'
import { type Claims, refused, tokenCheck } from './token-check.ts'
import { clientIdOf, optionalClientId, type Tokens, tokensFor } from './token-endpoint.ts'

type Input = Readonly<Record<string, string | undefined>>

/** @param input Fits the schema of its operation, all of which have texts alone. */
const inputOf = ({ input }: OperationCall): Input => input as unknown as Input

const random = (): string => randomBytes(32).toString('base64url')

export const oidcInstance = (context: AdapterContext, config: OidcConfig): AdapterInstance => {
  const now = (): number => context.now()
  const provider = discovery(context, config)
  const keys = keySet(context, config, provider)
  const check = tokenCheck(config, provider, keys, now)
  const sessions = localSessions({ ttlMs: config.localSessionsMs, maxEntries: config.maxLocalSessions, now })
  const time = (ms: number): string => new Date(ms).toISOString()

  const audienceQuery = (audience: string | undefined): Readonly<Record<string, string>> =>
    audience === undefined || config.audienceParameter === 'none' ? {} : { [config.audienceParameter]: audience }

  const ask = async (parameters: Input, signal: AbortSignal): Promise<Tokens> => {
    const { value: discovered } = await provider.get(signal)
    const form = new URLSearchParams()
    for (const [name, value] of Object.entries(parameters)) if (value !== undefined) form.set(name, value)
    return tokensFor(context, config, { discovered, form, signal })
  }
  const ofClient = clientTokens(
    (scope, audience, signal) => ask({ grant_type: 'client_credentials', scope, ...audienceQuery(audience) }, signal),
    now,
  )

  const authorize = async (call: OperationCall): Promise<Json> => {
    const input = inputOf(call)
    const { value: discovered } = await provider.get(call.signal)
    const made = { state: input['state'] ?? random(), nonce: input['nonce'] ?? random(), code_verifier: random() }
    const url = endpointUrl(discovered.authorizationEndpoint, 'authorization_endpoint', {
      response_type: 'code',
      client_id: clientIdOf(context, config),
      redirect_uri: input['redirect_uri'],
      scope: input['scope'] ?? config.scope,
      state: made.state,
      nonce: made.nonce,
      code_challenge: createHash('sha256').update(made.code_verifier).digest('base64url'),
      code_challenge_method: 'S256',
      prompt: input['prompt'],
      login_hint: input['login_hint'],
      ...audienceQuery(input['audience'] ?? config.audience),
    })
    return { url, ...made }
  }

  const token = async (call: OperationCall): Promise<Json> => {
    const { grant_type: grant, code, redirect_uri, code_verifier, nonce, refresh_token, scope, audience } = inputOf(call)
    if (grant === 'client_credentials') {
      const { cached, ...tokens } = await ofClient.get(scope, audience ?? config.audience, call.signal)
      return tokenOutput(tokens, undefined, cached)
    }
    // Fetched before the code or the refresh token is used up, which they are once.
    await keys.all(call.signal)
    const asked = grant === 'refresh_token' ? { refresh_token, scope } : { code, redirect_uri, code_verifier }
    const tokens = await ask({ grant_type: grant, ...asked, ...audienceQuery(audience) }, call.signal)
    if (tokens.expiresInSeconds !== undefined) sessions.noteExpiry(tokens.accessToken, now() + tokens.expiresInSeconds * 1000)
    return tokenOutput(tokens, await idTokenClaims(tokens.idToken, nonce, call.signal), false)
  }

  const idTokenClaims = async (idToken: string | undefined, nonce: string | undefined, signal: AbortSignal): Promise<Claims | undefined> => {
    const clientId = clientIdOf(context, config)
    try {
      if (idToken === undefined) {
        if (nonce !== undefined) throw refused('id_token_missing', 'The provider gave no ID token')
        return undefined
      }
      const claims = await check(idToken, { audience: clientId, ...(nonce === undefined ? {} : { nonce }) }, signal)
      if (claims['azp'] !== undefined && claims['azp'] !== clientId) throw refused('audience_mismatch', 'The ID token is for somebody else')
      if (typeof claims['sub'] !== 'string') throw refused('claim_invalid', 'The ID token has no sub')
      return claims
    } catch (error) {
      if (!(error instanceof ProviderFailure)) throw error
      // The code is used up, whatever is wrong with the token that came for it.
      const { kind, code, message } = error
      throw new ProviderFailure(kind === 'rejected' ? 'invalid_response' : kind, `The ID token cannot be trusted: ${message}`, {
        executed: 'yes',
        ...(code === undefined ? {} : { code }),
      })
    }
  }

  const jwks = async (call: OperationCall): Promise<Json> => {
    const { value, fetchedAtMs, stale } = await keys.all(call.signal)
    return { keys: value as unknown as readonly Json[], fetched_at: time(fetchedAtMs), stale }
  }

  const userinfo = async (call: OperationCall): Promise<Json> => {
    const { access_token: accessToken = '' } = inputOf(call)
    const { value: discovered } = await provider.get(call.signal)
    const path = discovered.endpoint('userinfo_endpoint')
    const headers = { authorization: `Bearer ${accessToken}` }
    const claims = await read(context, { path, what: 'userinfo', headers, signal: call.signal }).catch((error: unknown) => {
      if (!(error instanceof ProviderFailure) || (error.status !== 401 && error.status !== 403)) throw error
      sessions.forget(accessToken)
      // RFC 6750, 3.1: whoever looked at the token says what is wrong with it; otherwise something in front of the provider refuses us.
      if (error.code === undefined) throw error
      throw refused(error.code, 'The provider does not accept the access token', error.status)
    })
    if (typeof claims['sub'] !== 'string')
      throw new ProviderFailure('invalid_response', 'The answer of userinfo has no sub', { executed: 'no', status: 200 })
    return confirm('userinfo', accessToken, claims)
  }

  const verify = async (call: OperationCall): Promise<Json> => {
    const { token: given = '', nonce } = inputOf(call)
    const audience = config.audience ?? clientIdOf(context, config)
    try {
      return confirm('verify', given, await check(given, { audience, ...(nonce === undefined ? {} : { nonce }) }, call.signal))
    } catch (error) {
      if (error instanceof ProviderFailure && error.kind === 'rejected' && error.code !== 'nonce_mismatch') sessions.forget(given)
      throw error
    }
  }

  const confirm = (by: Confirmation, given: string, claims: Claims): Json => {
    sessions.keep(by, given, claims, statedExpiryMs(given))
    return { claims, session: 'provider', verified_at: time(now()) }
  }

  const local = (by: Confirmation, given: string | undefined, nonce?: string): Json | undefined => {
    const session = sessions.find(by, given ?? '')
    if (session === undefined || (nonce !== undefined && session.claims['nonce'] !== nonce)) return undefined
    return { claims: session.claims, session: 'local', verified_at: time(session.verifiedAtMs) }
  }

  const endSession = async (call: OperationCall): Promise<Json> => {
    const { access_token: accessToken, ...query } = inputOf(call)
    if (accessToken !== undefined) sessions.forget(accessToken)
    const { value: discovered } = await provider.get(call.signal)
    return { url: endpointUrl(discovered.endSessionEndpoint, 'end_session_endpoint', { client_id: optionalClientId(context, config), ...query }) }
  }

  const handlers = {
    authorize: { run: authorize },
    token: { run: token },
    jwks: { run: jwks },
    userinfo: { run: userinfo, local: (call: OperationCall) => local('userinfo', inputOf(call)['access_token']) },
    verify: { run: verify, local: (call: OperationCall) => local('verify', inputOf(call)['token'], inputOf(call)['nonce']) },
    end_session: { run: endSession },
  } satisfies Record<keyof typeof operations, AdapterInstance['operations'][string]>
  return {
    operations: handlers,
    probe: async ({ signal }) => {
      await provider.fetch(signal)
    },
  }
}

/** @throws {ProviderFailure} where discovery names none. */
const endpointUrl = (endpoint: string | undefined, name: string, query: Input): string => {
  if (endpoint === undefined) throw new ProviderFailure('invalid_response', `The discovery document has no ${name}`, { executed: 'no' })
  const url = new URL(endpoint)
  for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, value)
  return url.href
}

const tokenOutput = (tokens: Tokens, claims: Claims | undefined, cached: boolean): Json => ({
  access_token: tokens.accessToken,
  token_type: 'Bearer',
  ...(tokens.expiresInSeconds === undefined ? {} : { expires_in: tokens.expiresInSeconds }),
  ...(tokens.refreshToken === undefined ? {} : { refresh_token: tokens.refreshToken }),
  ...(tokens.idToken === undefined ? {} : { id_token: tokens.idToken }),
  ...(tokens.scope === undefined ? {} : { scope: tokens.scope }),
  ...(claims === undefined ? {} : { claims }),
  cached,
})
