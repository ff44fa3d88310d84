import { createHash } from 'node:crypto'
import { GatewayError } from '../errors.ts'

// 1 to 255 visible characters, bare; or the same as a string of structured fields, where `"` and `\` are escaped.
const bareKey = /^[\x21\x23-\x7e]{1,255}$/
const quotedKey = /^"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"$/

/**
 * The key that a request names, without quotes; undefined when it names none.
 * @param value The header as Node gives it: several of them joined by a comma and a space, which no key has.
 * @throws {GatewayError} BAD_REQUEST
 * Source: draft-ietf-httpapi-idempotency-key-header, which wants the quotes; most clients leave them out.
 */
export function idempotencyKey(name: string, value: string | readonly string[] | undefined, required: boolean): string | undefined {
  if (value === undefined) {
    if (required) throw new GatewayError('BAD_REQUEST', { detail: `A request here needs the header ${name}, with a new value for each intent.` })
    return undefined
  }
  const text = String(value).trim()
  if (bareKey.test(text)) return text
  const quoted = quotedKey.exec(text)?.[1]
  if (quoted === undefined) throw new GatewayError('BAD_REQUEST', { detail: `${name} must be one key of 1 to 255 visible characters.` })
  return quoted.replaceAll(/\\(["\\])/g, '$1')
}

export interface FingerprintedRequest {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly contentType: string | undefined
  readonly body: Buffer
}

/** What makes two requests the same one: SHA-256 (base64url) over everything that decides the message. */
export function fingerprint({ method, path, query, contentType, body }: FingerprintedRequest): string {
  // The head as JSON has one reading only, so that no two requests can give the same bytes.
  return createHash('sha256')
    .update(JSON.stringify([method, path, query, contentType ?? null]))
    .update(body)
    .digest('base64url')
}
