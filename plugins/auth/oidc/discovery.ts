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
    fetch: async (signal) => {
      const answer = await context.http.request({
        method: 'GET',
        path: config.discoveryPath,
        headers: { accept: 'application/json' },
        authorize: false,
        signal,
      })
      if (answer.status !== 200) throw statusFailure('the discovery document', answer, context.now())
      return discovered(objectOf(answer, 'The discovery document'), context.baseUrl, config)
    },
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

/** @throws {ProviderFailure} */
export const objectOf = (answer: ProviderAnswer, what: string): Readonly<Record<string, Json>> => {
  const value = answer.json()
  if (!isObject(value)) throw new ProviderFailure('invalid_response', `${what} is no JSON object`, { executed: 'unknown', status: answer.status })
  return value
}

export const isObject = (value: Json | undefined): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Of something that is read and has no effect. */
export const statusFailure = (what: string, { status, headers }: ProviderAnswer, nowMs: number): ProviderFailure => {
  const retryAfterMs = retryAfterOf(headers, nowMs)
  const details = { executed: 'no', status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) } as const
  return new ProviderFailure(failureOfStatus(status).kind, `The provider answered ${status} for ${what}`, details)
}
