import type { EventConfig, OrderBy, QueueConfig } from '../../../config/model.ts'
import { GatewayError } from '../../errors.ts'
import { jobHeader } from '../message.ts'
import type { Message } from '../message.ts'
import { orderKey } from '../order-key.ts'
import type { EventGate } from '../targets/target.ts'
import { attributeHeaders, invalid, readEvents } from './cloud-event.ts'
import type { CloudEvent } from './cloud-event.ts'
import { dataCheck } from './event-data.ts'
import type { DataCheck } from './event-data.ts'

/** @throws {GatewayError} see `Broker.publish` */
export type EventPublish = (event: string, message: Message) => Promise<void>

/**
 * Publishes the events of a message and resolves with their ids when the broker has confirmed all. One event that is not valid keeps
 * all of them out. Events that come twice are published twice: who needs to know them again has their source and id.
 * @throws {GatewayError} EVENT_INVALID, EVENT_SOURCE_UNDECLARED: nothing was published. Otherwise see `Broker.publish`: some may be.
 */
export type EventIntake = (message: Message, allowed: readonly string[]) => Promise<readonly string[]>

/** Publishes of one batch that wait for their confirmation at the same time. */
const maxAtOnce = 100

const timePattern = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/

interface DeclaredEvent {
  readonly publishers: ReadonlySet<string>
  readonly check: DataCheck
  keyOf(message: Pick<Message, 'headers' | 'body'>): string | undefined
}

/**
 * Compiles the declared events.
 * @param queues All queues: those of an event say by what its messages are ordered.
 * @throws Error where the schema of an event cannot be used.
 */
export function eventIntake(events: readonly EventConfig[], publish: EventPublish, queues: readonly QueueConfig[] = []): EventIntake {
  const declared = new Map(events.map((event) => [event.name, declaredEvent(event, queues)]))
  return async (message, allowed) => {
    const checked = readEvents(message).map((event, index, all) => {
      const type = checkAttributes(event, allowed)
      const known = declared.get(type)
      if (known === undefined) throw invalid(event.place, 'type is not an event that is declared.')
      checkSource(event, known.publishers)
      known.check(event)
      return { type, id: event.attributes.get('id') ?? '', message: eventMessage(message, event, known, all.length === 1 ? '' : `-${index}`) }
    })
    await publishAll(checked, publish)
    return checked.map(({ id }) => id)
  }
}

/** What consumers hand events on to. @throws Error where the schema of an event cannot be used. */
export function eventGate(events: readonly EventConfig[], publish: EventPublish, queues: readonly QueueConfig[] = []): EventGate {
  const intake = eventIntake(events, publish, queues)
  return async (message, allowed) => void (await intake(message, allowed))
}

function declaredEvent(event: EventConfig, queues: readonly QueueConfig[]): DeclaredEvent {
  return {
    publishers: new Set(event.publishers),
    check: dataCheck(event.name, event.schema),
    keyOf: eventKey(queues.filter(({ name }) => event.queues.includes(name)).flatMap(({ orderBy }) => orderBy ?? [])),
  }
}

/** One message has one key: where subscribers want different ones, it has none and each consumer finds its own. */
function eventKey(orders: readonly OrderBy[]): DeclaredEvent['keyOf'] {
  if (orders.length === 0) return orderKey({ header: 'ce-partitionkey' })
  return orderKey(new Set(orders.map((order) => JSON.stringify(order))).size === 1 ? orders[0] : undefined)
}

/** @returns The type. @throws {GatewayError} EVENT_INVALID */
function checkAttributes({ attributes, place }: CloudEvent, allowed: readonly string[]): string {
  if (attributes.get('specversion') !== '1.0') throw invalid(place, 'specversion must be 1.0.')
  for (const name of ['id', 'source', 'type'] as const) {
    if ((attributes.get(name) ?? '') === '') throw invalid(place, `${name} is missing.`)
  }
  const time = attributes.get('time')
  if (time !== undefined && (!timePattern.test(time) || Number.isNaN(Date.parse(time)))) throw invalid(place, 'time must be a time of RFC 3339.')
  const type = attributes.get('type') ?? ''
  if (!allowed.includes(type)) throw invalid(place, `type must be one of those that are taken here: ${allowed.join(', ')}.`)
  return type
}

function checkSource({ attributes, place }: CloudEvent, publishers: ReadonlySet<string>): void {
  if (publishers.size === 0 || publishers.has(attributes.get('source') ?? '')) return
  const detail = 'source is not a declared publisher of the event.'
  throw new GatewayError('EVENT_SOURCE_UNDECLARED', { detail: place === '' ? detail : `${place}: ${detail}` })
}

/** Binary mode whichever way it came, so that every subscriber finds attributes and data in the same places. */
function eventMessage(message: Message, event: CloudEvent, { keyOf }: DeclaredEvent, suffix: string): Message {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(message.headers)) {
    // The sender of a request asks for its own message, not for what subscribers make of an event.
    if (!name.startsWith('ce-') && name !== jobHeader) headers[name] = value
  }
  const content = { headers: { ...headers, ...attributeHeaders(event) }, body: event.data }
  return { ...content, id: message.id + suffix, contentType: event.contentType, key: keyOf(content), publishedAtMs: message.publishedAtMs }
}

/** In their order, some at a time. */
async function publishAll(events: readonly { readonly type: string; readonly message: Message }[], publish: EventPublish): Promise<void> {
  for (let from = 0; from < events.length; from += maxAtOnce) {
    const results = await Promise.allSettled(events.slice(from, from + maxAtOnce).map(({ type, message }) => publish(type, message)))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }
}
