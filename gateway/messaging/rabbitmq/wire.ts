import { createHash, randomUUID } from 'node:crypto'
import type { ConsumeMessage, GetMessage, Options } from 'amqplib'
import { GatewayError } from '../../errors.ts'
import type { Address, Message } from '../message.ts'
import type { DeliveryHistory } from '../delivery.ts'
import { carriedTable, headersOf, isUnreadable, numberOf, ownHeaders, stringOf, tableOf } from './headers.ts'
import type { Table } from './headers.ts'
import type { Parcel } from './outbox.ts'

export type Raw = ConsumeMessage | GetMessage

/** Longest text of a property, in bytes. */
const maxPropertyBytes = 255

/** What is published for a message. */
export function parcelOf(address: Address, message: Message): Parcel {
  const headers = tableOf(message.headers)
  headers[ownHeaders.publishedAt] = message.publishedAtMs
  if (message.key !== undefined) headers[ownHeaders.key] = message.key
  return {
    exchange: address.exchange,
    routingKey: address.routingKey,
    content: message.body,
    options: {
      mandatory: true,
      persistent: true,
      timestamp: Math.floor(message.publishedAtMs / 1000),
      ...idProperty(message.id, headers),
      ...contentTypeProperty(message.contentType, headers),
      headers,
    },
  }
}

/**
 * The message within a delivery, whoever published it.
 * @param nowMs Publishing time of messages that name none.
 * @param id For messages without one: it lasts for this delivery and its copies.
 */
export function messageOf(raw: Raw, nowMs: number, id = idOf(raw) ?? randomUUID()): Message {
  const table = tableIn(raw)
  const { contentEncoding, correlationId, replyTo, contentType } = propertiesOf(raw)
  const headers = headersOf(table)
  addProperty(headers, 'content-encoding', contentEncoding)
  addProperty(headers, 'correlation-id', correlationId)
  addProperty(headers, 'reply-to', replyTo)
  return {
    id,
    body: raw.content,
    contentType: stringOf(table, ownHeaders.contentType) ?? text(contentType),
    headers,
    key: stringOf(table, ownHeaders.key),
    publishedAtMs: publishedAtMs(raw) ?? nowMs,
  }
}

/**
 * How often the broker took the message back without a settlement: only quorum queues count. Includes what was handed back at once when a
 * gateway stopped, see `Delivery.settle`.
 */
export const returnsOf = (raw: Raw): number => numberOf(tableIn(raw), 'x-delivery-count') ?? (raw.fields.redelivered ? 1 : 0)

export function historyOf(raw: Raw): DeliveryHistory {
  const table = tableIn(raw)
  return {
    deliveries: (numberOf(table, ownHeaders.deliveries) ?? 0) + returnsOf(raw) + 1,
    failures: numberOf(table, ownHeaders.failures) ?? 0,
    attempts: numberOf(table, ownHeaders.attempts) ?? 0,
    firstFailedAtMs: numberOf(table, ownHeaders.firstFailedAt),
  }
}

/** Where the message was published first; copies carry it with them. */
export function originOf(raw: Raw): Address {
  const table = tableIn(raw)
  const routingKey = stringOf(table, ownHeaders.routingKey)
  return routingKey === undefined
    ? { exchange: raw.fields.exchange, routingKey: raw.fields.routingKey }
    : { exchange: stringOf(table, ownHeaders.exchange) ?? '', routingKey }
}

/**
 * Properties of a copy: those of the original, its types included, without what would work once more or not be permitted (its time to live,
 * the user who published it).
 * @throws {GatewayError} BODY_TOO_LARGE when its headers cannot be read, and a copy would be without them.
 */
export function copyOptions(
  raw: Raw,
  id: string,
  marks: Readonly<Record<string, string | number | undefined>>,
  expirationMs?: number,
): Options.Publish {
  if (isUnreadable(tableIn(raw))) throw new GatewayError('BODY_TOO_LARGE')
  const headers = carriedTable(tableIn(raw), marks)
  return {
    ...carriedProperties(raw),
    ...idProperty(id, headers),
    headers,
    mandatory: true,
    persistent: true,
    ...(expirationMs === undefined ? {} : { expiration: String(Math.max(1, Math.ceil(expirationMs))) }),
  }
}

export const tableIn = (raw: Raw): Table => raw.properties.headers ?? noTable

const noTable: Table = {}

const carriedNames = ['contentType', 'contentEncoding', 'priority', 'correlationId', 'replyTo', 'timestamp', 'type', 'appId'] as const

function carriedProperties(raw: Raw): Record<string, unknown> {
  const properties: Readonly<Record<string, unknown>> = propertiesOf(raw)
  return Object.fromEntries(carriedNames.filter((name) => properties[name] !== undefined).map((name) => [name, properties[name]]))
}

/** The client library declares their values as `any`. */
const propertiesOf = (raw: Raw): { readonly [name in keyof Raw['properties']]: unknown } => raw.properties

/** Publishing time by the publisher's clock; AMQP's own timestamp counts seconds. */
export function publishedAtMs(raw: Raw): number | undefined {
  const seconds: unknown = raw.properties.timestamp
  return numberOf(tableIn(raw), ownHeaders.publishedAt) ?? (typeof seconds === 'number' ? seconds * 1000 : undefined)
}

export const idOf = (raw: Raw): string | undefined => stringOf(tableIn(raw), ownHeaders.id) ?? text(propertiesOf(raw).messageId)

function idProperty(id: string, headers: Record<string, unknown>): { readonly messageId: string } {
  if (Buffer.byteLength(id) <= maxPropertyBytes) return { messageId: id }
  headers[ownHeaders.id] = id
  return { messageId: createHash('sha256').update(id).digest('hex') }
}

function contentTypeProperty(contentType: string | undefined, headers: Record<string, unknown>): { readonly contentType?: string } {
  if (contentType === undefined) return {}
  if (Buffer.byteLength(contentType) <= maxPropertyBytes) return { contentType }
  headers[ownHeaders.contentType] = contentType
  return {}
}

function addProperty(headers: Record<string, string>, name: string, value: unknown): void {
  const found = text(value)
  if (found !== undefined && headers[name] === undefined) headers[name] = found
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
