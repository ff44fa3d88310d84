import type { IntegrationConfig } from '../../config/model.ts'
import { type ProviderAnswer, ProviderFailure, type ProviderHttp, type ProviderRequest } from '../plugin.ts'
import type { Secrets } from '../secrets/secrets.ts'
import { providerAuth } from './provider-auth.ts'
import { type ProviderConnection, providerConnection } from './provider-connection.ts'
import type { ProviderAuth } from './provider-proof.ts'
import { providerTrace } from './provider-trace.ts'

export type ProviderHttpConfig = Pick<IntegrationConfig, 'baseUrl' | 'auth' | 'tls' | 'connectTimeoutMs' | 'timeoutMs' | 'maxConcurrent'>

export interface ProviderHttpOptions {
  readonly config: ProviderHttpConfig
  /** Of the adapter, for `oauth2` without `token_url`. */
  readonly tokenUrl: string | undefined
  readonly secrets: Secrets
  /** Milliseconds since the epoch. */
  now(): number
  /** An exception that escaped from the client library. */
  onError(error: Error): void
}

export interface ClosableProviderHttp extends ProviderHttp {
  close(): Promise<void>
}

/**
 * Calls to one provider: pooled connections, `auth` applied, bounded answers, redirects not followed.
 * @throws Error where certificates or `token_url` cannot be used.
 */
export const providerHttp = (options: ProviderHttpOptions): ClosableProviderHttp => {
  const { config } = options
  const base = httpUrl(config.baseUrl)
  const connections = new Map<string, ProviderConnection>()
  const connection = (url: URL): ProviderConnection => {
    const known = connections.get(url.origin)
    if (known !== undefined) return known
    const { tls, connectTimeoutMs, maxConcurrent } = config
    const opened = providerConnection(url, {
      ...(tls === undefined ? {} : { tls }),
      connectTimeoutMs,
      maxConnections: maxConcurrent,
      onError: options.onError,
    })
    connections.set(url.origin, opened)
    return opened
  }
  const auth = authOf(options, base, connection)
  if (base !== undefined) connection(base)

  const request = async (asked: ProviderRequest): Promise<ProviderAnswer> => {
    const target = targetOf(asked, base)
    const { body, type } = bodyOf(asked)
    const fixed = { 'user-agent': 'headgate', 'accept-encoding': 'identity', ...type, ...providerTrace.getStore(), ...lowerCase(asked.headers) }
    const send = async (proof: Readonly<Record<string, string>>): Promise<ProviderAnswer> =>
      connection(target.url).send({ method: asked.method, target: target.path, headers: { ...fixed, ...proof }, body, signal: asked.signal })
    if (asked.authorize === false) return send({})
    const proof = await auth.headers(asked.signal)
    const answer = await send(proof)
    // A token may be withdrawn before its time; what was refused had no effect.
    return answer.status === 401 && auth.refused(proof) ? send(await auth.headers(asked.signal)) : answer
  }
  const close = async (): Promise<void> => {
    await Promise.all([...connections.values()].map((one) => one.close()))
  }
  return { request, close }
}

/** Undefined for addresses that are not HTTP, such as those of mail servers: their adapters speak for themselves. */
const httpUrl = (text: string): URL | undefined => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined
}

const authOf = (
  { config, tokenUrl, secrets, now }: ProviderHttpOptions,
  base: URL | undefined,
  connection: (url: URL) => ProviderConnection,
): ProviderAuth => {
  const url = config.auth.type === 'oauth2' ? tokenUrlOf(config.auth['token_url'] ?? tokenUrl, base) : undefined
  return providerAuth({
    auth: config.auth,
    secrets,
    tokenUrl: url,
    now,
    request: (form, authorization) => {
      if (url === undefined) throw new Error('there is no token endpoint')
      return connection(url).send({
        method: 'POST',
        target: `${url.pathname}${url.search}`,
        headers: {
          authorization,
          'content-type': 'application/x-www-form-urlencoded',
          accept: 'application/json',
          'accept-encoding': 'identity',
          'user-agent': 'headgate',
        },
        body: form.toString(),
        signal: AbortSignal.timeout(Math.min(config.timeoutMs, 2 ** 31 - 1)),
      })
    },
  })
}

const tokenUrlOf = (text: unknown, base: URL | undefined): URL => {
  if (typeof text !== 'string') throw new Error('auth.token_url is missing')
  const url = text.startsWith('/') ? httpUrl(`${base?.href.replace(/\/$/, '') ?? ''}${text}`) : httpUrl(text)
  if (url === undefined) throw new Error('auth.token_url is no URL')
  return url
}

/** A segment of dots would leave the path that the request names. */
const dotSegment = /(?:^|\/)(?:\.|%2e){1,2}(?:[/?#]|$)/i

const targetOf = ({ path, query }: ProviderRequest, base: URL | undefined): { readonly url: URL; readonly path: string } => {
  if (base === undefined) throw unsendable('the integration has no base_url')
  const relative = path.startsWith('/') ? path : within(path, base)
  const [beforeQuery = ''] = relative.split('?', 1)
  if (dotSegment.test(beforeQuery) || /[\s#\\]/.test(relative)) throw unsendable('its path has segments or characters that lead elsewhere')
  const prefix = path.startsWith('/') ? base.pathname.replace(/\/$/, '') : ''
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) search.append(name, String(value))
  const added = search.toString()
  return { url: base, path: `${prefix}${relative}${added === '' ? '' : `${relative.includes('?') ? '&' : '?'}${added}`}` }
}

/** Path and query of a whole URL, which has to be of the same origin: `auth` goes with it. */
const within = (path: string, base: URL): string => {
  const url = httpUrl(path)
  if (url === undefined || url.origin !== base.origin || url.username !== '') throw unsendable('it leads away from base_url')
  return `${url.pathname}${url.search}`
}

const unsendable = (why: string): ProviderFailure => new ProviderFailure('invalid_request', `The request was not sent: ${why}`, { executed: 'no' })

const bodyOf = ({
  json,
  form,
  body,
}: ProviderRequest): { readonly body: string | Uint8Array | undefined; readonly type: Readonly<Record<string, string>> } => {
  if (form !== undefined) return { body: form.toString(), type: { 'content-type': 'application/x-www-form-urlencoded' } }
  if (json !== undefined) return { body: JSON.stringify(json), type: { 'content-type': 'application/json' } }
  return { body, type: {} }
}

const lowerCase = (headers: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
