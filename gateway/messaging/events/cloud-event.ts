import { GatewayError } from '../../errors.ts'
import type { Message } from '../message.ts'
import { jsonSpans } from './json-spans.ts'

/** A CloudEvent (version 1.0), whichever way it came. */
export interface CloudEvent {
  /** Names in lower case, values as text; `datacontenttype` is `contentType`. */
  readonly attributes: ReadonlyMap<string, string>
  readonly contentType: string | undefined
  readonly data: Buffer
  /** Where it stood, for messages about it: empty, or `/3` in a batch. */
  readonly place: string
}

/** Events that one batch may hold. */
export const maxBatchEvents = 1000

const maxAttributes = 64
const maxAttributeLength = 2048

const structured = 'application/cloudevents+json'
const batched = 'application/cloudevents-batch+json'

const namePattern = /^[a-z0-9]{1,64}$/
// Without groups that repeat: on a text of megabytes they would need more stack than there is.
const base64Pattern = /^[A-Za-z0-9+/]*(={0,2})$/
const jsonPattern = /^(?:[^/;]+\/(?:[^;]+\+)?json|text\/json)\s*(?:;|$)/i
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** What a refusal says names places in the event, never the values that stand there. */
export const invalid = (place: string, problem: string): GatewayError =>
  new GatewayError('EVENT_INVALID', { detail: place === '' ? problem : `${place}: ${problem}` })

/** Whether data of this type is JSON; without a type it is (CloudEvents JSON format, section 3.1). */
export const isJsonType = (contentType: string | undefined): boolean => contentType === undefined || jsonPattern.test(contentType)

/**
 * The events of a message: one in binary mode (`ce-` headers) or structured mode, any number in batched mode.
 * @throws {GatewayError} EVENT_INVALID: cannot be read. What the events say is not checked.
 */
export function readEvents(message: Message): readonly CloudEvent[] {
  const type = message.contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (!type.startsWith('application/cloudevents')) return [binaryEvent(message)]
  if (type !== structured && type !== batched) throw invalid('', `The format ${structured} is known here, and ${batched}.`)
  const encoding = message.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') throw invalid('', 'The body must not have a content encoding.')
  const text = textOf(message.body)
  const value = jsonOf(text)
  if (type === structured) return [structuredEvent(text, value, '')]
  if (!Array.isArray(value)) throw invalid('', 'A batch must be an array.')
  if (value.length > maxBatchEvents) throw invalid('', `A batch may hold ${maxBatchEvents} events.`)
  const spans = jsonSpans(text)
  return value.map((event: unknown, index) => structuredEvent(text.slice(spans[index]?.start, spans[index]?.end), event, `/${index}`))
}

/** Text of a body or of data. @throws {GatewayError} EVENT_INVALID */
export function textOf(body: Buffer, place = ''): string {
  try {
    return utf8.decode(body)
  } catch {
    throw invalid(place, 'It is not UTF-8.')
  }
}

/** @throws {GatewayError} EVENT_INVALID */
export function jsonOf(text: string, place = ''): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid(place, 'It is not JSON.')
  }
}

function binaryEvent({ headers, contentType, body }: Message): CloudEvent {
  const attributes = new Map<string, string>()
  for (const [name, value] of Object.entries(headers)) if (name.startsWith('ce-')) set(attributes, name.slice(3), decoded(value), '')
  // Its place is `content-type`; here it counts only where a sender has left that out.
  const type = attributes.get('datacontenttype')
  attributes.delete('datacontenttype')
  return { attributes, contentType: contentType ?? (type === undefined ? undefined : headerSafe(type, '')), data: body, place: '' }
}

function structuredEvent(text: string, value: unknown, place: string): CloudEvent {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(place, 'An event must be an object.')
  const { data, data_base64: base64, datacontenttype, ...others } = value as Readonly<Record<string, unknown>>
  const attributes = new Map<string, string>()
  for (const [name, attribute] of Object.entries(others)) {
    // `null` means that it is not there.
    if (attribute !== null) set(attributes, name, attribute, place)
  }
  if (datacontenttype !== undefined && datacontenttype !== null && typeof datacontenttype !== 'string')
    throw invalid(place, 'datacontenttype must be a string.')
  const contentType = typeof datacontenttype === 'string' ? headerSafe(datacontenttype, place) : undefined
  if (base64 !== undefined && base64 !== null) {
    if (data !== undefined && data !== null) throw invalid(place, 'data and data_base64 must not both be there.')
    if (typeof base64 !== 'string' || !isBase64(base64)) throw invalid(place, 'data_base64 must be base64.')
    return { attributes, contentType, data: Buffer.from(base64, 'base64'), place }
  }
  if (!('data' in value)) return { attributes, contentType, data: Buffer.alloc(0), place }
  if (typeof data === 'string' && !isJsonType(contentType)) return { attributes, contentType, data: Buffer.from(data), place }
  return { attributes, contentType: contentType ?? 'application/json', data: Buffer.from(rawData(text)), place }
}

/** With the right padding, or with none. */
function isBase64(text: string): boolean {
  const padding = base64Pattern.exec(text)?.[1]?.length
  if (padding === undefined) return false
  const rest = (text.length - padding) % 4
  return rest !== 1 && (padding === 0 || rest + padding === 4)
}

/** The data as it was written. Of members with one name the last counts, as in `JSON.parse`. */
function rawData(text: string): string {
  const span = jsonSpans(text).findLast(({ name }) => name === 'data')
  return span === undefined ? '' : text.slice(span.start, span.end).trim()
}

function set(attributes: Map<string, string>, name: string, value: unknown, place: string): void {
  if (!namePattern.test(name)) throw invalid(place, 'Names of attributes are made of the letters a to z and digits.')
  if (name === 'data') throw invalid(place, 'data is no attribute.')
  // Larger ones are not what was written any more.
  const text = typeof value === 'number' && !Number.isSafeInteger(value) ? undefined : value
  if (typeof text !== 'string' && typeof text !== 'boolean' && typeof text !== 'number') {
    throw invalid(place, `${name} must be a string, a boolean or an integer.`)
  }
  attributes.set(name, String(text))
  if (attributes.size > maxAttributes) throw invalid(place, `There may be ${maxAttributes} attributes.`)
  if (String(text).length > maxAttributeLength) throw invalid(place, `${name} may have ${maxAttributeLength} characters.`)
}

function headerSafe(contentType: string, place: string): string {
  if (!/^[\x20-\x7e]{1,255}$/.test(contentType)) throw invalid(place, 'datacontenttype must be a media type.')
  return contentType
}

/** @throws {GatewayError} EVENT_INVALID where the percent encoding is broken. */
function decoded(header: string): string {
  if (!header.includes('%')) return header
  try {
    return decodeURIComponent(header)
  } catch {
    throw invalid('', 'A ce- header is not percent-encoded UTF-8.')
  }
}

/** Attributes as headers. Source: CloudEvents HTTP binding 1.0.2, section 3.1.3.2. */
export function attributeHeaders({ attributes }: CloudEvent): Record<string, string> {
  const headers: [string, string][] = []
  for (const [name, value] of attributes) headers.push([`ce-${name}`, value.replaceAll(/[^\x21\x23\x24\x26-\x7e]/gu, encoded)])
  return Object.fromEntries(headers)
}

const encoded = (char: string): string => [...Buffer.from(char)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
