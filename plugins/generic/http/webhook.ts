import { createHmac, timingSafeEqual } from 'node:crypto'
import { type AdapterContext, type Json, type WebhookEvent, WebhookRejected, type WebhookRequest } from '../../../gateway/plugin.ts'
import { at } from './request.ts'
import { durationMs, type WebhookSettings } from './settings.ts'

const variables = ['body', 'headers'] as const
const maxSignatures = 20
const placeholder = /\{(body|timestamp|header:[A-Za-z0-9!#$%&'*+.^_`|~-]+)\}/g

/** @throws Error with a sentence for the author of the configuration. */
export const signedWebhook = (
  settings: WebhookSettings,
  context: Pick<AdapterContext, 'template' | 'secret' | 'now'>,
): ((request: WebhookRequest) => Promise<readonly WebhookEvent[]>) => {
  const { timestamp_header: timestampHeader } = settings
  const signed = settings.signed ?? (timestampHeader === undefined ? '{body}' : '{timestamp}.{body}')
  if (signed.split('{body}').length !== 2) throw new Error('webhook.signed has to name {body} once')
  if ((timestampHeader !== undefined) !== signed.includes('{timestamp}'))
    throw new Error('webhook.timestamp_header and {timestamp} in webhook.signed belong together: a time that is not signed proves nothing')
  const toleranceMs = durationMs(settings.tolerance)
  const read = eventReader(settings, context)

  const checkSignature = ({ headers, body }: WebhookRequest): void => {
    const given = signaturesOf(headers[settings.header.toLowerCase()] ?? '', settings)
    const secrets = ['secret', 'previous_secret']
      .flatMap((name) => context.secret(`settings.webhook.${name}`) ?? [])
      .map((secret) => secretBytes(secret, settings.secret_encoding))
    const right = secrets.some((secret) => {
      // What is not written as `secret_encoding` says has no bytes, and everybody knows those.
      if (secret.length === 0) return false
      const expected = createHmac(settings.algorithm === 'hmac-sha512' ? 'sha512' : 'sha256', secret)
      for (const part of signedParts(signed, headers, body, timestampHeader)) expected.update(part)
      const digest = expected.digest()
      return given.some((one) => one.length === digest.length && timingSafeEqual(one, digest))
    })
    if (!right) throw new WebhookRejected('the signature is not right')
  }
  const sentAtMs = ({ headers }: WebhookRequest): number => {
    if (timestampHeader === undefined) return context.now()
    const ms = instantMs(headers[timestampHeader.toLowerCase()] ?? null)
    if (ms === undefined) throw new WebhookRejected('it does not say when it was sent')
    if (Math.abs(context.now() - ms) > toleranceMs) throw new WebhookRejected('it is too old, or from the future')
    return ms
  }
  return async (request) => {
    checkSignature(request)
    return read(request, sentAtMs(request))
  }
}

const eventReader = (settings: WebhookSettings, { template }: Pick<AdapterContext, 'template'>) => {
  const part = (name: 'id' | 'type' | 'data' | 'at' | 'subject') => {
    const source = settings[name]
    return source === undefined ? undefined : at(`webhook.${name}`, () => template(source, variables))
  }
  const [id, type, data, time, subject] = [part('id'), part('type'), part('data'), part('at'), part('subject')]
  const eventOf = (body: Json, headers: Readonly<Record<string, string>>, sentAtMs: number): readonly WebhookEvent[] => {
    const values = { body, headers }
    const name = type?.(values)
    if (typeof name !== 'string' || !Object.hasOwn(settings.events, name)) return []
    const key = id?.(values)
    const known = typeof key === 'number' ? String(key) : key
    if (typeof known !== 'string' || known === '' || known.length > 200) throw new WebhookRejected('an event has no id')
    const about = subject?.(values)
    return [
      {
        id: known,
        type: settings.events[name] ?? name,
        atMs: instantMs(time?.(values) ?? null) ?? sentAtMs,
        data: data?.(values) ?? body,
        ...(typeof about === 'string' && about !== '' && { subject: about.slice(0, 200) }),
      },
    ]
  }
  return ({ headers, body }: WebhookRequest, sentAtMs: number): readonly WebhookEvent[] => {
    let json: Json
    try {
      json = JSON.parse(body.toString('utf8')) as Json
    } catch {
      throw new WebhookRejected('its body is no JSON')
    }
    try {
      return (isList(json) ? json : [json]).flatMap((one) => eventOf(one, headers, sentAtMs))
    } catch (cause) {
      if (cause instanceof WebhookRejected) throw cause
      throw new WebhookRejected(`its body does not fit: ${cause instanceof Error ? cause.message : ''}`, { cause })
    }
  }
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value)

const signaturesOf = (header: string, { prefix = '', encoding }: WebhookSettings): readonly Buffer[] =>
  header
    .split(prefix.includes(',') ? /\s+/ : /[\s,]+/)
    .slice(0, maxSignatures)
    .flatMap((one) => (one.startsWith(prefix) && one !== prefix ? Buffer.from(one.slice(prefix.length), encoding) : []))

const secretBytes = (secret: string, encoding: WebhookSettings['secret_encoding']): Buffer =>
  // `whsec_` stands in front of the secrets of Standard Webhooks.
  encoding === 'text' ? Buffer.from(secret) : Buffer.from(secret.replace(/^whsec_/, ''), encoding)

function* signedParts(
  signed: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
  timestampHeader: string | undefined,
): Generator<string | Buffer> {
  let last = 0
  for (const match of signed.matchAll(placeholder)) {
    yield signed.slice(last, match.index)
    last = match.index + match[0].length
    const name = match[1] ?? ''
    if (name === 'body') yield body
    else yield headers[name === 'timestamp' ? (timestampHeader ?? '').toLowerCase() : name.slice('header:'.length).toLowerCase()] ?? ''
  }
  yield signed.slice(last)
}

/** Seconds or milliseconds since the epoch, or RFC 3339. */
const instantMs = (value: Json): number | undefined => {
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string') return undefined
  if (/^\d{1,11}(?:\.\d+)?$/.test(text)) return Number(text) * 1000
  if (/^\d{12,14}$/.test(text)) return Number(text)
  const ms = /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(ms) ? undefined : ms
}
