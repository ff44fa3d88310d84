import type { ConsumerConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { ConsumerDeps, ConsumerStatus } from './consumer-contract.ts'
import type { Outcome, Settlement } from './settlement.ts'

/** What a consumer says of its work: in its status, in the metrics and in the log. */
export interface ConsumerCounts {
  readonly status: Pick<ConsumerStatus, 'inFlight' | 'settled' | 'retries' | 'redeliveries' | 'lastError'>
  /** A delivery is in work until the returned function is called. */
  begun(): () => void
  redelivered(): void
  /** An attempt failed and is repeated within its delivery. */
  retried(type: string): void
  /** The attempts of a delivery have ended without success. */
  failed(type: string): void
  settled(settlement: Settlement, message: SettledMessage, seconds: number): void
  /** The broker could not be told how a delivery ended. @param cause What was thrown, or why it was not tried. */
  unsettled(messageId: string, cause: unknown): void
  internalError(messageId: string, error: unknown): void
}

export interface SettledMessage {
  readonly id: string
  readonly traceId: string
}

export function consumerCounts(config: ConsumerConfig, deps: Pick<ConsumerDeps, 'metrics' | 'log' | 'queue' | 'epochNow'>): ConsumerCounts {
  const series = deps.metrics.messaging.consumer(config.name, config.queue)
  const settled: Record<Outcome, number> = { ack: 0, retry: 0, release: 0, dead_letter: 0 }
  const status: { -readonly [Key in keyof ConsumerCounts['status']]: ConsumerStatus[Key] } = {
    inFlight: 0,
    settled,
    retries: 0,
    redeliveries: 0,
    lastError: undefined,
  }
  const fields = { consumer: config.name, queue: config.queue }

  const failed = (type: string): void => {
    status.lastError = { type, atMs: deps.epochNow() }
  }

  const parked = (settlement: Settlement & { outcome: 'dead_letter' }, { id, traceId }: SettledMessage): void => {
    const { reason, error, attempts } = settlement
    const facts = { ...fields, message_id: id, trace_id: traceId, reason, error_type: error.type, error: error.message, attempts }
    series.parked(deps.queue.deadLetter ? reason : 'discarded')
    if (deps.queue.deadLetter) deps.log.warn(facts, 'the message is parked as a dead letter')
    else deps.log.error(facts, 'the message is discarded: its queue keeps no dead letters')
  }

  return {
    status,
    begun: () => {
      status.inFlight += 1
      series.inFlight(1)
      return () => {
        status.inFlight -= 1
        series.inFlight(-1)
      }
    },
    redelivered: () => {
      status.redeliveries += 1
      series.redelivered()
    },
    retried: (type) => {
      status.retries += 1
      series.retried()
      failed(type)
    },
    failed,
    settled: (settlement, message, seconds) => {
      settled[settlement.outcome] += 1
      series.settled(settlement.outcome, seconds)
      if (settlement.outcome === 'dead_letter') parked(settlement, message)
    },
    unsettled: (messageId, cause) => {
      series.unsettled()
      const expected = typeof cause === 'string' || cause instanceof GatewayError
      const facts = { ...fields, message_id: messageId, ...(expected ? { cause: String(cause) } : { err: cause }) }
      if (expected) deps.log.warn(facts, 'the delivery could not be settled; the broker will deliver the message again')
      else deps.log.error(facts, 'settling a delivery failed in an unexpected way; the broker will deliver the message again')
    },
    internalError: (messageId, error) => deps.log.error({ ...fields, message_id: messageId, err: error }, 'internal error in a delivery'),
  }
}
