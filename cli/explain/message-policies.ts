import type { ConsumerConfig, OrderBy, QueueConfig } from '../../config/model.ts'
import { pointerOf } from '../../config/source/value.ts'
import { durationText, sizeText } from '../render/quantities.ts'
import { located, type Policy } from './policies.ts'

/**
 * Every setting of a queue.
 * @param base Pointer of what declares it, `/queues/payment.process`.
 */
export const queuePolicies = (queue: QueueConfig, base: string): Policy[] =>
  located(base, [
    ['type', queue.type],
    ['exchange', queue.exchange],
    ['bindings', queue.bindings.length === 0 ? undefined : queue.bindings.join(', ')],
    ['durable', String(queue.durable)],
    ['ttl', durationText(queue.ttlMs)],
    ['dead_letter', String(queue.deadLetter)],
    ['max_length', queue.maxLength === Number.POSITIVE_INFINITY ? 'never' : String(queue.maxLength)],
    ['max_size', sizeText(queue.maxBytes)],
  ])

/**
 * Every setting of a consumer.
 * @param base Pointer of what declares it, `/consumers/payment_processor`.
 */
export const consumerPolicies = (consumer: ConsumerConfig, base: string): Policy[] => {
  const { retry, redelivery, circuitBreaker } = consumer
  return located(base, [
    ['prefetch', String(consumer.prefetch)],
    ['concurrency', String(consumer.concurrency)],
    ['timeout', durationText(consumer.timeoutMs)],
    ['retry.max_attempts', String(retry.maxAttempts)],
    ['retry.backoff', retry.backoff],
    ['retry.base_delay', durationText(retry.baseDelayMs)],
    ['retry.max_delay', durationText(retry.maxDelayMs)],
    ['retry.dead_letter_after', String(redelivery.deadLetterAfter)],
    ['retry.redelivery.base_delay', durationText(redelivery.baseDelayMs)],
    ['retry.redelivery.max_delay', durationText(redelivery.maxDelayMs)],
    ['circuit_breaker.threshold', circuitBreaker && `${circuitBreaker.thresholdPercent}%`],
    ['circuit_breaker.timeout', circuitBreaker && durationText(circuitBreaker.resetTimeoutMs)],
    ['circuit_breaker.window', circuitBreaker && durationText(circuitBreaker.windowMs)],
    ['circuit_breaker.volume', circuitBreaker && String(circuitBreaker.volume)],
    ['order_by', consumer.orderBy && orderText(consumer.orderBy)],
    ['paused', consumer.paused ? 'true' : undefined],
  ])
}

const orderText = (order: OrderBy): string => ('header' in order ? `header ${order.header}` : `body ${pointerOf(order.body)}`)
