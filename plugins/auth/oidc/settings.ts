import type { AdapterContext, Json, JsonSchema } from '../../../gateway/plugin.ts'

/** What tells one provider from another. */
export interface Preset {
  readonly audience?: string
  /** How an audience is asked for: `audience` (Auth0), `resource` (RFC 8707), or not at all because the authorization server has one. */
  readonly audienceParameter: 'audience' | 'resource' | 'none'
  readonly clientAuthentication: 'client_secret_basic' | 'client_secret_post'
  /** Settings of its own. */
  readonly settings?: Readonly<Record<string, JsonSchema>>
  /** Path of the issuer under `base_url`. */
  issuerPath?(settings: Readonly<Record<string, Json>>): string
}

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const

const duration = (byDefault: string, description: string): JsonSchema => ({
  type: 'string',
  format: 'headgate-duration',
  default: byDefault,
  description,
})

export const oidcSettings = (preset: Preset): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  properties: {
    ...preset.settings,
    issuer: {
      type: 'string',
      format: 'headgate-url',
      description: 'Issuer as its tokens name it, where that is not `base_url`; endpoints that discovery gives below it are reached at `base_url`.',
    },
    client_id: { type: 'string', minLength: 1, maxLength: 500, description: 'Client id of a public client, which has no secret and no `auth`.' },
    client_authentication: {
      type: 'string',
      enum: ['client_secret_basic', 'client_secret_post'],
      default: preset.clientAuthentication,
      description: 'How id and secret of `auth` go to the token endpoint.',
    },
    scope: { type: 'string', minLength: 1, maxLength: 1000, default: 'openid', description: 'Scopes of `authorize` that names none.' },
    audience: {
      type: 'string',
      minLength: 1,
      maxLength: 500,
      ...(preset.audience === undefined ? {} : { default: preset.audience }),
      description: 'The API that access tokens are for: asked for, and demanded by `verify`, which takes tokens for the client itself where absent.',
    },
    audience_parameter: {
      type: 'string',
      enum: ['audience', 'resource', 'none'],
      default: preset.audienceParameter,
      description: 'Parameter that asks for an audience: `resource` of RFC 8707, `audience`, or none where the provider decides.',
    },
    algorithms: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { type: 'string', enum: algorithms, description: 'JWS algorithm.' },
      default: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      description: 'Signatures that are accepted; `none` and those with a shared secret never are.',
    },
    clock_tolerance: {
      type: 'string',
      format: 'headgate-duration-or-zero',
      default: '30s',
      description: 'How far the clocks of the provider and the gateway may be apart.',
    },
    discovery_cache: duration('24h', 'How long the discovery document is used without asking.'),
    jwks_cache: duration('24h', 'How long the keys are used without asking.'),
    jwks_cooldown: duration('1m', 'Shortest time between two fetches that tokens with unknown keys give rise to.'),
    stale_for: duration('24h', 'How long after that a copy is used while the provider is away.'),
    refresh_timeout: duration('5s', 'Longest wait for a new copy where there is an old one.'),
    local_sessions: duration('1h', 'How long a token that the provider has confirmed is known to `then: use_local_session`.'),
    max_local_sessions: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      default: 10_000,
      description: 'Tokens that are known at most, in each process; the longest unused ones go first.',
    },
  },
})

export interface OidcConfig {
  readonly expectedIssuers: readonly string[]
  readonly discoveryPath: string
  /** Of `settings`, for a public client. */
  readonly clientId: string | undefined
  readonly clientAuthentication: 'client_secret_basic' | 'client_secret_post' | 'none'
  /** Of `auth`, in place of the discovered one. */
  readonly tokenUrl: string | undefined
  readonly scope: string
  readonly audience: string | undefined
  readonly audienceParameter: 'audience' | 'resource' | 'none'
  readonly algorithms: readonly string[]
  readonly clockToleranceSeconds: number
  readonly discoveryCacheMs: number
  readonly jwksCacheMs: number
  readonly jwksCooldownMs: number
  readonly staleForMs: number
  readonly refreshTimeoutMs: number
  readonly localSessionsMs: number
  readonly maxLocalSessions: number
}

export const oidcConfig = ({ settings, auth, baseUrl }: Pick<AdapterContext, 'settings' | 'auth' | 'baseUrl'>, preset: Preset): OidcConfig => {
  const issuerPath = preset.issuerPath?.(settings) ?? ''
  const base = `${baseUrl.replace(/\/$/, '')}${issuerPath}`
  const secretAuth = settings['client_authentication'] === 'client_secret_post' ? 'client_secret_post' : 'client_secret_basic'
  const parameter = settings['audience_parameter']
  const milliseconds = (name: string): number => durationMs(settings[name])
  return {
    // Configurations have no slash at the end of `base_url`, issuers may.
    expectedIssuers: settings['issuer'] === undefined ? [base, `${base}/`] : [text(settings['issuer'])],
    discoveryPath: `${issuerPath}/.well-known/openid-configuration`,
    clientId: optionalText(settings['client_id']),
    clientAuthentication: auth.type === 'oauth2' ? secretAuth : 'none',
    tokenUrl: optionalText(auth['token_url']),
    scope: text(settings['scope']),
    audience: optionalText(settings['audience']),
    audienceParameter: parameter === 'audience' || parameter === 'resource' ? parameter : 'none',
    algorithms: Array.isArray(settings['algorithms']) ? settings['algorithms'].map(String) : [],
    clockToleranceSeconds: milliseconds('clock_tolerance') / 1000,
    discoveryCacheMs: milliseconds('discovery_cache'),
    jwksCacheMs: milliseconds('jwks_cache'),
    jwksCooldownMs: milliseconds('jwks_cooldown'),
    staleForMs: milliseconds('stale_for'),
    refreshTimeoutMs: milliseconds('refresh_timeout'),
    localSessionsMs: milliseconds('local_sessions'),
    maxLocalSessions: Number(settings['max_local_sessions']),
  }
}

const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '')
const optionalText = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined)

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Of a text that fits the format `headgate-duration`. */
const durationMs = (value: Json | undefined): number => {
  let total = 0
  for (const [, amount, unit] of text(value).matchAll(/([0-9.]+)(ms|s|m|h|d)/g)) total += Number(amount) * unitMs[unit as keyof typeof unitMs]
  return total
}
