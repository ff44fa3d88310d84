import { type AdapterContext, failureOfStatus, type Json, type ProviderAnswer, ProviderFailure, retryAfterOf } from '../../../gateway/plugin.ts'
import { type KeptDocument, keptDocument } from './kept-document.ts'
import type { OidcConfig } from './settings.ts'

/** What the provider says of itself: OpenID Connect Discovery 1.0, section 3. */
export interface Discovery {
  readonly issuer: string
  /** Visited by browsers, so that it may be anywhere. */
  readonly authorizationEndpoint: string | undefined
  readonly endSessionEndpoint: string | undefined
  /** Called by the gateway: whole URLs of the origin of `base_url`. @throws {ProviderFailure} where there is none there. */
  endpoint(name: 'token_endpoint' | 'userinfo_endpoint' | 'jwks_uri'): string
}

export const discovery = (context: AdapterContext, config: OidcConfig): KeptDocument<Discovery> =>
  keptDocument({
    fetch: async (signal) =>
      discovered(await read(context, { path: config.discoveryPath, what: 'the discovery document', signal }), context.baseUrl, config),
    freshMs: config.discoveryCacheMs,
    staleMs: config.staleForMs,
    cooldownMs: config.jwksCooldownMs,
    refreshTimeoutMs: config.refreshTimeoutMs,
    now: () => context.now(),
    onStale: (error) => context.log.warn({ err: error }, 'the discovery document cannot be fetched; the last copy is used'),
  })

const discovered = (document: Readonly<Record<string, Json>>, baseUrl: string, { expectedIssuers, tokenUrl }: OidcConfig): Discovery => {
  const { issuer } = document
  if (typeof issuer !== 'string' || !expectedIssuers.includes(issuer)) {
    throw new ProviderFailure('invalid_response', `The discovery document names another issuer than ${expectedIssuers[0] ?? ''}`, { executed: 'no' })
  }
  const base = new URL(baseUrl)
  const origins = new Set([base.origin, new URL(issuer).origin])
  return {
    issuer,
    authorizationEndpoint: webUrl(document['authorization_endpoint'])?.href,
    endSessionEndpoint: webUrl(document['end_session_endpoint'])?.href,
    endpoint: (name) => {
      const url = webUrl(name === 'token_endpoint' && tokenUrl !== undefined ? tokenUrl : document[name])
      if (url === undefined) throw new ProviderFailure('invalid_response', `The discovery document has no ${name}`, { executed: 'no' })
      // Nothing that a document says may lead calls elsewhere; below a public issuer, `base_url` is how the gateway gets there.
      if (!origins.has(url.origin))
        throw new ProviderFailure('invalid_response', `${name} is at ${url.origin}, not where base_url is`, { executed: 'no' })
      return `${base.origin}${url.pathname}${url.search}`
    },
  }
}

const webUrl = (value: Json | undefined): URL | undefined => {
  if (typeof value !== 'string' || !URL.canParse(value)) return undefined
  const url = new URL(value)
  return url.protocol === 'https:' || url.protocol === 'http:' ? url : undefined
}

interface Read {
  readonly path: string
  /** For messages. */
  readonly what: string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** Asks for a JSON object. Reading has no effect, so that nothing has happened when it fails. @throws {ProviderFailure} */
export const read = async (context: AdapterContext, { path, what, headers, signal }: Read): Promise<Readonly<Record<string, Json>>> => {
  try {
    const all = { accept: 'application/json', ...headers }
    const answer = await context.http.request({ method: 'GET', path, headers: all, authorize: false, signal })
    if (answer.status !== 200) throw statusFailure(what, answer, context.now())
    const value = answer.json()
    if (isObject(value)) return value
    throw new ProviderFailure('invalid_response', `${what} is no JSON object`, { executed: 'no', status: 200 })
  } catch (error) {
    throw error instanceof ProviderFailure ? withoutEffect(error) : error
  }
}

const withoutEffect = (failure: ProviderFailure): ProviderFailure => {
  const { kind, message, status, code, retryAfterMs, executed } = failure
  if (executed === 'no') return failure
  return new ProviderFailure(kind, message, {
    executed: 'no',
    ...(status === undefined ? {} : { status }),
    ...(code === undefined ? {} : { code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    cause: failure,
  })
}

export const isObject = (value: Json | undefined): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const statusFailure = (what: string, { status, headers }: ProviderAnswer, nowMs: number): ProviderFailure => {
  const retryAfterMs = retryAfterOf(headers, nowMs)
  // RFC 6750, 3.
  const code = /error="?([a-z_]{1,64})/.exec(headers['www-authenticate'] ?? '')?.[1]
  return new ProviderFailure(failureOfStatus(status).kind, `The provider answered ${status} for ${what}`, {
    executed: 'no',
    status,
    ...(code === undefined ? {} : { code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}
