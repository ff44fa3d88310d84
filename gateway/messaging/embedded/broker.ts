import { extname } from 'node:path'
import type { EmbeddedBrokerConfig, QueueConfig } from '../../../config/model.ts'
import { GatewayError } from '../../errors.ts'
import { declareTimeoutMs } from '../broker.ts'
import type { Broker, BrokerDeps, BrokerStatus, QueueStats } from '../broker.ts'
import type { Address, Message } from '../message.ts'
import { StoreError } from '../sqlite/store-error.ts'
import { exchangeRouting } from '../exchange-routing.ts'
import { connection } from './connection.ts'
import type { Connection } from './connection.ts'
import type { BrokerEvent, MessageRow, QueueSettings } from './operations.ts'
import { embeddedDeadLetters } from './parked.ts'
import { confirmations } from './confirmations.ts'
import { subscriptions } from './subscriptions.ts'

/** How often what waits too long, and what could not be stored, is looked at. */
const maintenanceMs = 250
const statsTimeoutMs = 4000
/** Bodies up to this size are cheaper to copy with the rest of a batch than to hand over one by one. */
const transferFromBytes = 4096
/** The injected clock and the thread's count as equal within this. */
const clockToleranceMs = 100

/** Publishers of other systems may name any time; one that a number does not hold exactly could be stored, but never read again. */
const storableTime = (ms: number, nowMs: number): number => (Number.isSafeInteger(Math.trunc(ms)) ? Math.trunc(ms) : nowMs)

const settingsOf = ({ name, durable, ttlMs, deadLetter, maxLength, maxBytes }: QueueConfig): QueueSettings => ({
  name,
  durable,
  ttlMs,
  deadLetter,
  maxLength,
  maxBytes,
})

const brokerProgram = new URL(`./program${extname(import.meta.url)}`, import.meta.url)

/**
 * A broker with nothing to install: one SQLite file, shared by the processes of a machine. What is confirmed was flushed to the disk;
 * what a process held that has died, however, is delivered again within about a second.
 * @param program What the thread runs; tests make it fail.
 */
export function embeddedBroker(config: EmbeddedBrokerConfig, deps: BrokerDeps, program = brokerProgram): Broker {
  const { name, path } = config
  const { log } = deps
  const clockAheadMs = (): number => {
    const ahead = deps.now() - Date.now()
    return Math.abs(ahead) < clockToleranceMs ? 0 : ahead
  }
  let routing = exchangeRouting([])
  let settings: readonly QueueSettings[] = []
  let toldAheadMs = 0
  let closing: Promise<void> | undefined

  const onEvent = (event: BrokerEvent): void => {
    if (event.type === 'deliveries') subscribers.receive(event.subscription, event.rows)
    else noteParked(event)
  }
  const noteParked = ({ queue, reason, count, kept }: Extract<BrokerEvent, { type: 'parked' }>): void => {
    const fields = { broker: name, queue, reason, count }
    if (reason === 'expired') log.debug(fields, kept ? 'messages have expired and were parked' : 'messages have expired and were discarded')
    else if (kept) log.warn(fields, 'messages were parked')
    else log.error(fields, 'messages were discarded: their queue keeps no dead letters')
  }
  const onOpen = (): void => {
    toldAheadMs = clockAheadMs()
    // Fails only when the thread ends or cannot write; both are noted there, and the next opening or probe comes back to it.
    declareThere().catch(() => undefined)
    subscribers.reopened()
  }
  const link: Connection = connection({
    name,
    path,
    program,
    log,
    random: deps.random,
    clockAheadMs,
    onEvent,
    onOpen,
    onLost: () => subscribers.lost(),
  })
  const subscribers = subscriptions(link)
  const unconfirmed = confirmations(config)

  let undeclared = false
  let repairing = false
  const declareThere = async (): Promise<void> => {
    undeclared = true
    await link.call('declare', settings)
    undeclared = false
  }
  /** Tries whether writing works again, one try at a time. */
  const repair = async (): Promise<void> => {
    if (repairing || (!undeclared && link.state !== 'blocked')) return
    repairing = true
    try {
      await (undeclared ? declareThere() : link.call('probe', undefined))
    } catch {
      // Noted by the connection; the next round tries again.
    } finally {
      repairing = false
    }
  }
  const tellClock = (): void => {
    const ahead = clockAheadMs()
    if (Math.abs(ahead - toldAheadMs) < clockToleranceMs) return
    toldAheadMs = ahead
    link.call('clock', ahead).catch(() => undefined)
  }
  const maintain = (): void => {
    unconfirmed.expire()
    subscribers.maintain()
    if (link.state !== 'connected' && link.state !== 'blocked') return
    tellClock()
    void repair()
  }
  let maintenance: NodeJS.Timeout | undefined
  const start = (): void => {
    if (closing !== undefined) return
    maintenance ??= setInterval(maintain, maintenanceMs).unref()
    link.start()
  }

  /** @throws {GatewayError} BROKER_MISCONFIGURED, BROKER_UNAVAILABLE */
  const open = async (): Promise<void> => {
    start()
    try {
      await link.opened()
    } catch (error) {
      const hopeless = error instanceof StoreError && (error.kind === 'corrupt' || error.kind === 'read_only' || error.kind === 'io')
      if (!hopeless) throw new GatewayError('BROKER_UNAVAILABLE', { cause: error })
      link.stop()
      throw new GatewayError('BROKER_MISCONFIGURED', { detail: `broker ${name}: ${path} cannot be used: ${error.message}`, cause: error })
    }
  }
  /** For what has no confirmation of its own. */
  const reached: Connection['call'] = async (operation, request) => {
    if (link.state !== 'connected' && link.state !== 'blocked') await open()
    try {
      return await link.call(operation, request)
    } catch (error) {
      throw new GatewayError('BROKER_UNAVAILABLE', { cause: error })
    }
  }

  const publish = async (address: Address, message: Message): Promise<void> => {
    const { body } = message
    if (body.length > config.maxMessageBytes) throw new GatewayError('BODY_TOO_LARGE')
    const queues = routing.queuesFor(address.exchange, address.routingKey)
    if (queues.length === 0) throw new GatewayError('MESSAGE_UNROUTABLE')
    const row: MessageRow = {
      id: message.id,
      // A copy of its own: a small buffer stands in a pool that would be cloned as a whole.
      body: new Uint8Array(body),
      contentType: message.contentType ?? null,
      headers: JSON.stringify(message.headers),
      key: message.key ?? null,
      publishedAtMs: storableTime(message.publishedAtMs, deps.now()),
    }
    const transfer = body.length >= transferFromBytes && row.body.buffer instanceof ArrayBuffer ? [row.body.buffer] : []
    const outcome = await unconfirmed.add(() => link.call('publish', { ...address, queues, message: row }, transfer))
    if (outcome === 'full') throw new GatewayError('QUEUE_FULL')
  }

  const stats = async (): Promise<readonly QueueStats[]> => {
    const names = settings.map((each) => each.name)
    const unknown = names.map((queue) => ({ queue, depth: undefined, oldestAtMs: undefined, deadLetters: undefined }))
    const late = Promise.withResolvers<readonly QueueStats[]>()
    const timer = setTimeout(() => late.resolve(unknown), statsTimeoutMs)
    try {
      return await Promise.race([link.call('stats', names), late.promise])
    } catch {
      return unknown
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    name,
    type: 'embedded',
    declare: async (queues) => {
      routing = exchangeRouting(queues)
      settings = queues.map(settingsOf)
      const late = Promise.withResolvers<void>()
      const timer = setTimeout(() => late.resolve(), declareTimeoutMs)
      try {
        await Promise.race([open().then(declareThere), late.promise])
      } catch (error) {
        if (error instanceof GatewayError && error.code === 'BROKER_MISCONFIGURED') throw error
        log.warn({ broker: name, file: path, err: link.lastError }, 'the queues of the embedded broker are declared as soon as its file is there')
      } finally {
        clearTimeout(timer)
      }
      return []
    },
    publish,
    subscribe: subscribers.subscribe,
    deadLetters: embeddedDeadLetters(reached),
    stats,
    status: (): BrokerStatus => ({
      name,
      type: 'embedded',
      state: link.state,
      address: path,
      reconnects: link.reconnects,
      ...unconfirmed.counts(),
      lastError: link.lastError,
      differences: [],
    }),
    close: () => {
      closing ??= (async () => {
        clearInterval(maintenance)
        subscribers.close()
        await link.close()
        subscribers.lost()
      })()
      return closing
    },
  }
}
