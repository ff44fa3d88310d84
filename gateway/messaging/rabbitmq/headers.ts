/** Headers of AMQP messages are tables of many types; the gateway's are text. */

/** Names that start so belong to this broker and are seen by nobody else. */
const ownPrefix = 'headgate-amqp-'

/** What travels with a message through retries and dead letters. */
export const ownHeaders = {
  /** Where `message-id` and `content-type` are too long for their properties. */
  id: `${ownPrefix}id`,
  contentType: `${ownPrefix}content-type`,
  key: `${ownPrefix}key`,
  publishedAt: `${ownPrefix}published-at`,
  deliveries: `${ownPrefix}deliveries`,
  failures: `${ownPrefix}failures`,
  attempts: `${ownPrefix}attempts`,
  firstFailedAt: `${ownPrefix}first-failed-at`,
  expiresAt: `${ownPrefix}expires-at`,
  exchange: `${ownPrefix}exchange`,
  routingKey: `${ownPrefix}routing-key`,
  reason: `${ownPrefix}reason`,
  errorType: `${ownPrefix}error-type`,
  errorMessage: `${ownPrefix}error-message`,
  parkedAt: `${ownPrefix}parked-at`,
  /** In place of headers that cannot be decoded; never sent. */
  unreadable: `${ownPrefix}unreadable`,
} as const

/** The table that says so, as it would come over the wire. */
export const unreadableTable: Buffer = tableOfTruth(ownHeaders.unreadable)

export const isUnreadable = (table: Table): boolean => table[ownHeaders.unreadable] === true

/** Length of what follows, length of the name, the name, the type `t`, and true. */
function tableOfTruth(name: string): Buffer {
  const entry = Buffer.from(`${String.fromCharCode(name.length)}${name}t\u0001`, 'latin1')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(entry.length)
  return Buffer.concat([length, entry])
}

/** A header of the publisher whose name means something to RabbitMQ travels under this prefix. */
const escapedPrefix = `${ownPrefix}header-`

/** Written by the broker itself; `CC` and `BCC` would send copies elsewhere. */
const brokerNames = new Set([
  'CC',
  'BCC',
  'x-death',
  'x-delivery-count',
  'x-acquired-count',
  'x-first-death-exchange',
  'x-first-death-queue',
  'x-first-death-reason',
  'x-last-death-exchange',
  'x-last-death-queue',
  'x-last-death-reason',
])

export type Table = Readonly<Record<string, unknown>>

/** Headers of the gateway as AMQP headers. */
export function tableOf(headers: Readonly<Record<string, string>>): Record<string, unknown> {
  const table: Record<string, unknown> = {}
  for (const name in headers) {
    if (name.startsWith(ownPrefix)) continue
    table[brokerNames.has(name) ? escapedPrefix + name : name] = headers[name]
  }
  return table
}

/** AMQP headers of whatever origin as headers of the gateway. Never throws. */
export function headersOf(table: Table): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name in table) {
    if (name.startsWith(escapedPrefix)) headers[name.slice(escapedPrefix.length)] = textOfValue(table[name])
    else if (!name.startsWith(ownPrefix) && !brokerNames.has(name)) headers[name.toLowerCase()] = textOfValue(table[name])
  }
  return headers
}

/** What a copy of the message carries on: neither the marks of the broker nor those that `replaced` names anew. */
export function carriedTable(table: Table, replaced: Readonly<Record<string, string | number | undefined>>): Record<string, unknown> {
  const carried: Record<string, unknown> = {}
  for (const name in table) if (!brokerNames.has(name)) carried[name] = table[name]
  for (const name in replaced) {
    if (replaced[name] === undefined) delete carried[name]
    else carried[name] = replaced[name]
  }
  return carried
}

export function numberOf(table: Table, name: string): number | undefined {
  const value = table[name]
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

export function stringOf(table: Table, name: string): string | undefined {
  const value = table[name]
  return typeof value === 'string' ? value : undefined
}

function textOfValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'boolean':
    case 'bigint':
      return String(value)
    case 'object':
      return value === null ? '' : textOfObject(value)
    default:
      return ''
  }
}

/** Bytes as UTF-8 where they are, else in base64; typed values as their value; tables and arrays as JSON. */
function textOfObject(value: object): string {
  if (Buffer.isBuffer(value)) return textOfBytes(value)
  if ('!' in value && 'value' in value) return textOfTyped(value['!'], value.value)
  try {
    return JSON.stringify(value, (_name, inner: unknown) => (isSerialized(inner) ? textOfBytes(Buffer.from(inner.data)) : inner))
  } catch {
    // A table nested so deeply that it cannot be written.
    return ''
  }
}

function textOfTyped(type: unknown, value: unknown): string {
  if (type === 'timestamp' && typeof value === 'number') {
    const date = new Date(value * 1000)
    return Number.isNaN(date.getTime()) ? String(value) : date.toISOString()
  }
  if (type === 'decimal' && isDecimal(value)) return String(value.digits / 10 ** value.places)
  return textOfValue(value)
}

function textOfBytes(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes) ? text : bytes.toString('base64')
}

const isDecimal = (value: unknown): value is { readonly digits: number; readonly places: number } =>
  typeof value === 'object' &&
  value !== null &&
  'digits' in value &&
  'places' in value &&
  typeof value.digits === 'number' &&
  typeof value.places === 'number'

/** How `JSON.stringify` sees a buffer. */
const isSerialized = (value: unknown): value is { readonly data: readonly number[] } =>
  typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value && Array.isArray(value.data)
