import { expect, test } from 'vitest'
import type { ConsumerConfig } from '../../config/model.ts'
import { deliveryWorstCase } from './delivery-worst-case.ts'

const consumer: ConsumerConfig = {
  name: 'payment_processor',
  origin: 'gateway.yaml:1:1',
  queue: 'payment.process',
  prefetch: 10,
  concurrency: 5,
  timeoutMs: 300_000,
  retry: { maxAttempts: 3, backoff: 'exponential', baseDelayMs: 200, maxDelayMs: 10_000 },
  redelivery: { deadLetterAfter: 5, backoff: 'exponential', baseDelayMs: 1000, maxDelayMs: 300_000 },
  paused: false,
}

test('attempts within a delivery and deliveries multiply, and the longest waits between them are added', () => {
  const deliveryMs = 3 * 300_000 + 200 + 400
  expect(deliveryWorstCase(consumer)).toEqual({
    deliveries: 5,
    attemptsPerDelivery: 3,
    attempts: 15,
    deliveryMs,
    totalMs: 5 * deliveryMs + 1000 + 2000 + 4000 + 8000,
  })
})

test('waits grow as the kind of backoff says, up to their limit', () => {
  const times = (backoff: 'linear' | 'constant'): number =>
    deliveryWorstCase({
      ...consumer,
      timeoutMs: 0,
      retry: { ...consumer.retry, backoff, maxAttempts: 1 },
      redelivery: { ...consumer.redelivery, backoff, maxDelayMs: 2500 },
    }).totalMs
  expect(times('linear')).toBe(1000 + 2000 + 2500 + 2500)
  expect(times('constant')).toBe(4000)
})

test('without a timeout nothing bounds it', () => {
  expect(deliveryWorstCase({ ...consumer, timeoutMs: Number.POSITIVE_INFINITY }).totalMs).toBe(Number.POSITIVE_INFINITY)
})
