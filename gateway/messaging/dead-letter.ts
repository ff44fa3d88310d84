import type { Message } from './message.ts'
import type { DeadLetterReason, FailureNote } from './settlement.ts'

/** A message that was parked, with everything an operator needs to decide. */
export interface DeadLetter {
  /** Id of the message; names the dead letter within its queue, or several where different messages came under one id. */
  readonly id: string
  /** The queue it was taken from, and is replayed to. */
  readonly queue: string
  readonly reason: DeadLetterReason
  readonly lastError: FailureNote
  /** Attempts and deliveries in all. */
  readonly attempts: number
  readonly deliveries: number
  /** Milliseconds since the epoch: published, first failed (undefined for expired ones), parked. */
  readonly publishedAtMs: number
  readonly firstFailedAtMs: number | undefined
  readonly parkedAtMs: number
  /** Exchange and routing key under which it was published; undefined where the broker does not tell. */
  readonly exchange: string | undefined
  readonly routingKey: string | undefined
  readonly contentType: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly key: string | undefined
  readonly bodyBytes: number
}

/** All conditions must hold; an empty filter is every dead letter of the queue. */
export interface DeadLetterFilter {
  readonly ids?: readonly string[]
  readonly reason?: DeadLetterReason
  /** Type of the last error, exactly. */
  readonly errorType?: string
  /** Milliseconds since the epoch, both ends of the parking time; `before` is exclusive. */
  readonly parkedFromMs?: number
  readonly parkedBeforeMs?: number
}

/** Called now and then during a long run: how many were done so far. */
export type Progress = (done: number) => void

/** The dead letters of one broker. Every call streams: memory does not grow with their number. */
export interface DeadLetters {
  /** Oldest first. The caller may stop early. */
  list(queue: string, filter: DeadLetterFilter): AsyncIterable<DeadLetter>
  /** With body; undefined where there is none of this id. */
  show(queue: string, id: string): Promise<{ readonly letter: DeadLetter; readonly message: Message } | undefined>
  /**
   * Puts the messages back into the queue they came from, each with its id, headers and idempotency key and a fresh count of
   * deliveries; a dead letter goes only after its message is confirmed. Only letters that are there when the call begins.
   * @returns How many.
   */
  replay(queue: string, filter: DeadLetterFilter, progress?: Progress): Promise<number>
  /** Removes for good. @returns How many. */
  drop(queue: string, filter: DeadLetterFilter, progress?: Progress): Promise<number>
}
