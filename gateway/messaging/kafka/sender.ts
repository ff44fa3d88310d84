import type { Producer } from '@platformatic/kafka'
import { GatewayError } from '../../errors.ts'
import type { KafkaLibrary } from './library.ts'
import { briefly, isProtocolError } from './library.ts'
import type { Link } from './link.ts'
import { recordBytes } from './records.ts'
import type { NewRecord } from './records.ts'

/** Writes records; those of many callers share one request. */
export interface Sender {
  /**
   * Resolves when every record is stored on all replicas in sync.
   * @throws {GatewayError} BROKER_UNAVAILABLE after `timeoutMs` (stored or not), BODY_TOO_LARGE when its topic does not take a record of this size.
   */
  send(records: readonly NewRecord[], timeoutMs: number): Promise<void>
  /** Calls that wait. */
  readonly waiting: number
  close(): Promise<void>
}

interface Entry {
  readonly records: readonly NewRecord[]
  readonly bytes: number
  readonly endMs: number
  resolve(): void
  reject(error: GatewayError): void
  ended: boolean
}

/** Bounds of one request: the records of a partition must stay below the megabyte that brokers take for one batch. */
const maxBatchBytes = 768 * 1024
const maxBatchRecords = 1000
const retryPauseMs = 200
/** At the end, for the request that is under way. */
const lastRequestMs = 2000

/**
 * One request at a time: the client's idempotent producer restarts its sequence numbers after a failure, which is only safe while no other
 * request is under way. What arrives meanwhile goes together with the next one.
 */
export function sender(producer: Producer, library: KafkaLibrary, state: Link): Sender {
  let queue: Entry[] = []
  let waiting = 0
  let running: Promise<void> | undefined
  let closed = false

  const run = async (): Promise<void> => {
    while (queue.length > 0) await deliver(nextBatch())
    running = undefined
  }
  const nextBatch = (): Entry[] => {
    let bytes = 0
    let records = 0
    const end = queue.findIndex((entry, index) => {
      bytes += entry.bytes
      records += entry.records.length
      return index > 0 && (bytes > maxBatchBytes || records > maxBatchRecords)
    })
    const batch = end === -1 ? queue : queue.slice(0, end)
    queue = end === -1 ? [] : queue.slice(end)
    return batch
  }
  const deliver = async (entries: readonly Entry[]): Promise<void> => {
    for (let open = entries; open.length > 0; ) {
      const failure = await produce(open.flatMap((entry) => entry.records))
      if (failure === undefined) {
        for (const entry of open) entry.resolve()
        return
      }
      if (isOwnFault(failure)) {
        // One of them is at fault: the others must not suffer for it.
        if (open.length > 1) {
          for (const entry of open) await deliver([entry])
          return
        }
        if (isProtocolError(library, failure, ...tooLarge)) {
          const detail = 'The topic does not take a record of this size.'
          for (const entry of open) entry.reject(new GatewayError('BODY_TOO_LARGE', { detail, cause: failure }))
          return
        }
      } else state.failed(failure)
      if (!closed) await pause(retryPauseMs)
      open = open.filter((entry) => !entry.ended && !closed && performance.now() < entry.endMs)
    }
  }
  const isOwnFault = (failure: Error): boolean =>
    isProtocolError(library, failure, ...tooLarge, 'TOPIC_AUTHORIZATION_FAILED') || library.findErrorBy(failure, 'code', 'PLT_KFK_USER') !== null
  const produce = async (messages: readonly NewRecord[]): Promise<Error | undefined> => {
    try {
      // Copies: the client writes the partition into them.
      await producer.send({ messages: messages.map((message) => ({ ...message })) })
      state.succeeded()
      return undefined
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }
  return {
    get waiting() {
      return waiting
    },
    async send(records, timeoutMs) {
      if (closed) throw new GatewayError('BROKER_UNAVAILABLE', { detail: 'The broker is being closed.' })
      waiting += 1
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const entry: Entry = {
        records,
        bytes: records.reduce((sum, record) => sum + recordBytes(record), 0),
        endMs: performance.now() + timeoutMs,
        resolve,
        reject,
        ended: false,
      }
      const timer = setTimeout(() => reject(new GatewayError('BROKER_UNAVAILABLE')), timeoutMs)
      queue.push(entry)
      running ??= run()
      try {
        await promise
      } finally {
        clearTimeout(timer)
        entry.ended = true
        waiting -= 1
        // Not sent yet: it would only hold memory while the broker is away.
        const index = queue.indexOf(entry)
        if (index !== -1) queue.splice(index, 1)
      }
    },
    async close() {
      closed = true
      for (const entry of queue.splice(0)) entry.reject(new GatewayError('BROKER_UNAVAILABLE', { detail: 'The broker is being closed.' }))
      if (running !== undefined) await briefly(running, lastRequestMs)
      await briefly(producer.close(true), lastRequestMs)
    },
  }
}

const tooLarge = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD'] as const
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
