import type { QueueConfig } from '../../../config/model.ts'
import { GatewayError } from '../../errors.ts'
import type { BrokerLog, SubscribeOptions, Subscription } from '../broker.ts'
import type { Delivery } from '../delivery.ts'
import type { Settlement } from '../settlement.ts'
import { groupConsumer } from './group-consumer.ts'
import type { HeldRecord } from './group-consumer.ts'
import type { Clients } from './library.ts'
import { describeFailure } from './library.ts'
import type { Link } from './link.ts'
import { deadLetterTopic, queueGroup, retryLevel, retryTopic } from './names.ts'
import { copyRecord, deadLetterRecord, readEnvelope } from './records.ts'
import type { CopyState, Envelope, NewRecord } from './records.ts'
import type { Sender } from './sender.ts'

export interface KafkaSubscription extends Subscription {
  /** Commits what is settled and gives the rest back. */
  close(): Promise<void>
  /** Resolves when it has left its group. */
  readonly left: Promise<void>
}

export interface SubscriptionOptions {
  readonly clients: Clients
  readonly link: Link
  readonly log: BrokerLog
  readonly sender: Sender
  readonly name: string
  readonly timeoutMs: number
  /** The queue as it is declared now: its time to live may change while a consumer goes on. */
  queue(): QueueConfig
  now(): number
}

/** Pause before a delivery whose outcome could not be stored is handed out again. */
const repeatPauseMs = 1000

/**
 * Deliveries of one queue to one consumer.
 *
 * Kafka counts no deliveries: what is known of earlier ones stands in the record, written when it was settled. A delivery that ended by a crash
 * leaves no trace, so that `deliveries` does not count it and nothing is ever parked as `interrupted`.
 */
export function subscription(options: SubscriptionOptions, wanted: SubscribeOptions, onDelivery: (delivery: Delivery) => void): KafkaSubscription {
  const { name, sender, log } = options

  const onRecord = (held: HeldRecord): void => {
    const envelope = readEnvelope(held.record)
    if (options.now() >= envelope.queuedAtMs + options.queue().ttlMs) void expire(held, envelope)
    else onDelivery(delivery(held, envelope))
  }
  const expire = async (held: HeldRecord, envelope: Envelope): Promise<void> => {
    const error = { type: 'expired', message: 'older than the time to live of its queue' }
    try {
      if (options.queue().deadLetter) await write(parked(held, envelope, { outcome: 'dead_letter', reason: 'expired', attempts: 0, error }))
      else log.debug({ queue: name, message_id: envelope.message.id }, 'expired message discarded')
      await held.done()
    } catch (failure) {
      log.debug({ queue: name, error: describeFailure(failure) }, 'an expired message could not be parked yet')
      held.again(repeatPauseMs)
    }
  }
  const delivery = (held: HeldRecord, envelope: Envelope): Delivery => {
    let settled = false
    const { failures, attempts, firstFailedAtMs } = envelope
    return {
      message: envelope.message,
      queue: name,
      history: { deliveries: envelope.deliveries + 1, failures, attempts, firstFailedAtMs },
      lost: held.lost,
      async settle(settlement) {
        if (settled) throw new GatewayError('INTERNAL', { detail: 'A delivery can be settled only once.' })
        settled = true
        if (held.lost.aborted) throw new GatewayError('BROKER_UNAVAILABLE', { detail: 'The delivery was taken back by the broker.' })
        try {
          const copy = outcomeCopy(held, envelope, settlement)
          if (copy !== undefined) await write(copy)
        } catch (error) {
          held.again(repeatPauseMs)
          throw error
        }
        await held.done()
      },
    }
  }
  const write = (record: NewRecord): Promise<void> => sender.send([record], options.timeoutMs)

  const outcomeCopy = (held: HeldRecord, envelope: Envelope, settlement: Settlement): NewRecord | undefined => {
    switch (settlement.outcome) {
      case 'ack':
        return undefined
      case 'release':
        return delayed(held, envelope, settlement.delayMs, envelope)
      case 'retry':
        return delayed(held, envelope, settlement.delayMs, { ...failed(envelope, settlement.attempts), failures: envelope.failures + 1 })
      case 'dead_letter':
        if (options.queue().deadLetter) return parked(held, envelope, settlement)
        log.error(
          { queue: name, message_id: envelope.message.id, reason: settlement.reason, error: settlement.error.type },
          'message discarded: its queue keeps no dead letters',
        )
        return undefined
    }
  }
  const failed = (envelope: Envelope, attempts: number): CopyState => ({
    deliveries: envelope.deliveries + 1,
    failures: envelope.failures,
    attempts: envelope.attempts + attempts,
    firstFailedAtMs: envelope.firstFailedAtMs ?? options.now(),
    notBeforeMs: 0,
  })
  const delayed = (held: HeldRecord, envelope: Envelope, delayMs: number, state: CopyState): NewRecord => {
    if (delayMs <= 0) return copyRecord(held.record, envelope, name, undefined, { ...state, notBeforeMs: 0 })
    const notBeforeMs = options.now() + delayMs
    return copyRecord(held.record, envelope, retryTopic(name), retryLevel(delayMs), { ...state, notBeforeMs })
  }
  const parked = (held: HeldRecord, envelope: Envelope, settlement: Settlement & { readonly outcome: 'dead_letter' }): NewRecord => {
    const { reason, attempts, error } = settlement
    const state = failed(envelope, attempts)
    return deadLetterRecord(
      held.record,
      envelope,
      deadLetterTopic(name),
      reason === 'expired' ? { ...state, deliveries: envelope.deliveries, firstFailedAtMs: envelope.firstFailedAtMs } : state,
      { reason, error, parkedAtMs: options.now() },
    )
  }
  const consumer = groupConsumer({
    clients: options.clients,
    link: options.link,
    log,
    group: queueGroup(name),
    topics: [name],
    maxHeld: wanted.prefetch,
    maxHeldPerPartition: wanted.prefetch,
    commitTimeoutMs: options.timeoutMs,
    onRecord,
  })
  return {
    pause: () => consumer.pause(),
    resume: () => consumer.resume(),
    // What is held can still be settled; the membership ends with the last of it.
    stop: async () => consumer.stop(),
    close: () => consumer.close(),
    left: consumer.left,
  }
}
