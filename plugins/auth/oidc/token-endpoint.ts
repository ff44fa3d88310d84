import {
  type AdapterContext,
  type FailureKind,
  failureOfStatus,
  type Json,
  type ProviderAnswer,
  ProviderFailure,
  retryAfterOf,
} from '../../../gateway/plugin.ts'
import { type Discovery, isObject } from './discovery.ts'
import type { OidcConfig } from './settings.ts'

export interface Tokens {
  readonly accessToken: string
  /** Undefined where the provider does not say. */
  readonly expiresInSeconds: number | undefined
  readonly refreshToken: string | undefined
  readonly idToken: string | undefined
  readonly scope: string | undefined
}

/** Asks the token endpoint once. @throws {ProviderFailure} */
export const tokensFor = async (
  context: AdapterContext,
  config: OidcConfig,
  { discovered, form, signal }: { readonly discovered: Discovery; readonly form: URLSearchParams; readonly signal: AbortSignal },
): Promise<Tokens> => {
  const authorization = authenticated(context, config, form)
  const answer = await context.http.request({
    method: 'POST',
    path: discovered.endpoint('token_endpoint'),
    headers: { accept: 'application/json', ...authorization },
    form,
    authorize: false,
    signal,
  })
  if (answer.status === 200) return tokensOf(answer.json())
  throw failureOf(answer, context.now())
}

/** RFC 6749, 2.3.1: id and secret are form-encoded before they become a Basic header. */
const authenticated = (context: AdapterContext, config: OidcConfig, form: URLSearchParams): Readonly<Record<string, string>> => {
  const clientId = clientIdOf(context, config)
  const secret = config.clientAuthentication === 'none' ? undefined : context.secret('auth.client_secret')
  if (secret !== undefined && config.clientAuthentication === 'client_secret_basic') {
    const pair = [clientId, secret].map((part) => new URLSearchParams({ '': part }).toString().slice(1)).join(':')
    return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
  }
  form.set('client_id', clientId)
  if (secret !== undefined) form.set('client_secret', secret)
  return {}
}

/** As it is at this moment: that of `auth` may be a secret. @throws {ProviderFailure} */
export const clientIdOf = (context: AdapterContext, config: OidcConfig): string => {
  const clientId = optionalClientId(context, config)
  if (clientId !== undefined) return clientId
  throw new ProviderFailure('internal', 'Neither auth.client_id nor settings.client_id says which client this is', { executed: 'no' })
}

export const optionalClientId = (context: AdapterContext, { clientId }: OidcConfig): string | undefined =>
  context.secret('auth.client_id') ?? clientId

const tokensOf = (body: Json): Tokens => {
  const invalid = (what: string): ProviderFailure =>
    new ProviderFailure('invalid_response', `The answer of the token endpoint ${what}`, { executed: 'yes', status: 200 })
  if (!isObject(body)) throw invalid('is no JSON object')
  const optional = (name: string): string | undefined => {
    const value = body[name] ?? undefined
    if (value === undefined || typeof value === 'string') return value
    throw invalid(`has a ${name} that is no text`)
  }
  const accessToken = optional('access_token')
  if (accessToken === undefined || accessToken === '') throw invalid('has no access_token')
  if (optional('token_type')?.toLowerCase() !== 'bearer') throw invalid('gives a token that is no bearer token')
  // Some providers write the number as a text.
  const lifetime = Number(body['expires_in'] ?? Number.NaN)
  return {
    accessToken,
    expiresInSeconds: Number.isFinite(lifetime) && lifetime >= 0 ? Math.floor(lifetime) : undefined,
    refreshToken: optional('refresh_token'),
    idToken: optional('id_token'),
    scope: optional('scope'),
  }
}

/** RFC 6749, 5.2, and what servers say beside it. */
const kindOfCode: Readonly<Record<string, FailureKind>> = {
  invalid_client: 'unauthorized',
  unauthorized_client: 'unauthorized',
  invalid_grant: 'rejected',
  access_denied: 'rejected',
  invalid_request: 'invalid_request',
  unsupported_grant_type: 'invalid_request',
  invalid_scope: 'invalid_request',
  invalid_target: 'invalid_request',
}

/** `error_description` stays out: it may say something of the person. */
const failureOf = (answer: ProviderAnswer, nowMs: number): ProviderFailure => {
  const { status, headers } = answer
  const code = errorCode(answer)
  const retryAfterMs = retryAfterOf(headers, nowMs)
  const byStatus = failureOfStatus(status)
  const known = status < 500 && status !== 429 && code !== undefined ? kindOfCode[code] : undefined
  const executed = known === undefined ? byStatus.executed : 'no'
  return new ProviderFailure(known ?? byStatus.kind, `The token endpoint answered ${status}${code === undefined ? '' : ` ${code}`}`, {
    executed,
    status,
    ...(code === undefined ? {} : { code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

const errorCode = (answer: ProviderAnswer): string | undefined => {
  try {
    const body = answer.json()
    const error = isObject(body) ? body['error'] : undefined
    return typeof error === 'string' && /^[a-z_]{1,64}$/.test(error) ? error : undefined
  } catch {
    return undefined
  }
}
