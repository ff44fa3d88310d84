import type { ConsumerConfig, DeliveryTarget, EventConfig, EventsTarget, JsonTemplate, OrderBy } from '../model.ts'
import { jsonPointer } from '../values/json-pointer.ts'
import { resolveBreaker } from './circuit-breaker.ts'
import type { ValidConsumer, ValidTarget } from './input.ts'
import { readDurationMs } from './readers.ts'

/** @param origin Where it is declared, `file:line:col`. @param events All that are declared, for `all`. */
export const resolveConsumer = (name: string, consumer: ValidConsumer, origin: string, events: readonly EventConfig[]): ConsumerConfig => {
  const { retry, circuit_breaker: breaker, order_by: order, deliver_to: target } = consumer
  return {
    name,
    origin,
    queue: consumer.queue,
    prefetch: consumer.prefetch,
    concurrency: consumer.concurrency,
    timeoutMs: readDurationMs(consumer.timeout),
    retry: {
      maxAttempts: retry.max_attempts,
      backoff: retry.backoff,
      baseDelayMs: readDurationMs(retry.base_delay),
      maxDelayMs: readDurationMs(retry.max_delay),
    },
    redelivery: {
      deadLetterAfter: retry.dead_letter_after,
      backoff: retry.backoff,
      baseDelayMs: readDurationMs(retry.redelivery.base_delay),
      maxDelayMs: readDurationMs(retry.redelivery.max_delay),
    },
    ...(breaker && { circuitBreaker: resolveBreaker(breaker) }),
    ...(order && { orderBy: resolveOrder(order) }),
    paused: consumer.paused,
    ...(target && { deliverTo: resolveTarget(target, events) }),
  }
}

export const resolveOrder = ({ header, body }: NonNullable<ValidConsumer['order_by']>): OrderBy => {
  if (header !== undefined) return { header: header.toLowerCase() }
  const steps = jsonPointer(body ?? '')
  if (!steps.ok) throw new TypeError('`order_by` was accepted without a key')
  return { body: steps.value }
}

const resolveTarget = (target: ValidTarget, declared: readonly EventConfig[]): DeliveryTarget => {
  const { service, path, method, queue, events, integration, operation, flow } = target
  const request = target.request === undefined ? {} : { request: target.request as JsonTemplate }
  if (service !== undefined && path !== undefined) return { type: 'service', service, path, method }
  if (queue !== undefined) return { type: 'queue', queue }
  if (events !== undefined) return eventsTarget(events, declared)
  if (integration !== undefined && operation !== undefined) return { type: 'operation', integration, operation, ...request }
  if (flow !== undefined) return { type: 'flow', flow, ...request }
  throw new TypeError('`deliver_to` was accepted without a target')
}

/** @param names As written; `all` for all that are declared. */
export const eventsTarget = (names: readonly string[], declared: readonly EventConfig[]): EventsTarget => ({
  type: 'events',
  events: names.includes('all') ? declared.map(({ name }) => name) : names,
})
