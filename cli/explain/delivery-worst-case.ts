import type { ConsumerConfig, DeliveryBackoff } from '../../config/model.ts'
import { maxBackoffMs } from '../../gateway/policies/backoff.ts'

/** What one message may cost at most, from its first delivery until it is parked. */
export interface DeliveryWorstCase {
  readonly deliveries: number
  readonly attemptsPerDelivery: number
  /** Calls that may reach the target. */
  readonly attempts: number
  /** Milliseconds of one delivery: its attempts and the longest waits between them; Infinity without a timeout. */
  readonly deliveryMs: number
  /** Milliseconds of all deliveries and the longest waits between them. Waiting for a turn, for an open circuit and for `Retry-After` comes on top. */
  readonly totalMs: number
}

export const deliveryWorstCase = ({ retry, redelivery, timeoutMs }: ConsumerConfig): DeliveryWorstCase => {
  const deliveryMs = retry.maxAttempts * timeoutMs + longestWaitsMs(retry, retry.maxAttempts)
  return {
    deliveries: redelivery.deadLetterAfter,
    attemptsPerDelivery: retry.maxAttempts,
    attempts: redelivery.deadLetterAfter * retry.maxAttempts,
    deliveryMs,
    totalMs: redelivery.deadLetterAfter * deliveryMs + longestWaitsMs(redelivery, redelivery.deadLetterAfter),
  }
}

/** Between `times` tries, in milliseconds. */
const longestWaitsMs = ({ backoff: kind, baseDelayMs, maxDelayMs }: DeliveryBackoff, times: number): number => {
  let sumMs = 0
  for (let failed = 1; failed < times; failed += 1) sumMs += maxBackoffMs({ kind, baseDelayMs, maxDelayMs }, failed)
  return sumMs
}
