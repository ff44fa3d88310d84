import { expect, test } from 'vitest'
import type { RuntimeStatus } from '../runtime-status.ts'
import type { AddressState } from '../services/service.ts'
import { mergedStatus } from './status.ts'

const statusOf = (requestsInFlight: number, address: AddressState, breaker: 'closed' | 'open'): RuntimeStatus => ({
  generation: 1,
  hash: 'abc',
  draining: false,
  connections: 10,
  requestsInFlight,
  routes: [{ name: '/a', path: '/a', target: 'users', origin: 'gateway.yaml:2:5' }],
  services: [
    {
      name: 'users',
      panic: false,
      addresses: [{ origin: 'http://127.0.0.1:1', authority: '127.0.0.1:1', state: address, inFlight: requestsInFlight }],
    },
  ],
  breakers: [{ route: '/a', service: 'users', state: breaker, succeeded: 5, failed: 1, opensForMs: 0 }],
  brokers: [
    {
      name: 'default',
      type: 'embedded',
      state: 'connected',
      address: 'messages.db',
      reconnects: 0,
      confirmed: 4,
      failed: 1,
      unconfirmed: 0,
      lastError: undefined,
      differences: [],
    },
  ],
  queues: [],
  integrations: [
    { name: 'payment', plugin: 'stripe', capability: 'payments', criticality: 'high', breaker, inFlight: requestsInFlight, operations: ['refund'] },
  ],
  secrets: [{ name: 'api_keys', ageMs: 1000, overdue: false, trouble: undefined }],
  consumers: [
    {
      name: 'payments',
      queue: 'payment.process',
      target: 'POST payment-service/payments',
      state: breaker === 'open' ? 'slowed' : 'running',
      inFlight: requestsInFlight,
      held: 3,
      settled: { ack: 7, retry: 1, release: 0, dead_letter: 1 },
      retries: 2,
      redeliveries: 1,
      breaker: undefined,
      lastError: undefined,
    },
  ],
})

test('counts are added up, and of states the worst is shown', () => {
  const merged = mergedStatus(
    [
      { worker: 0, pid: 100, status: statusOf(2, 'healthy', 'closed') },
      { worker: 1, pid: 101, status: statusOf(3, 'ejected', 'open') },
    ],
    { wanted: 2, restarts: 4 },
  )
  expect(merged).toMatchObject({
    connections: 20,
    requestsInFlight: 5,
    routes: [{ name: '/a' }],
    services: [{ name: 'users', addresses: [{ state: 'ejected', inFlight: 5 }] }],
    breakers: [{ route: '/a', state: 'open', succeeded: 10, failed: 2 }],
    brokers: [{ name: 'default', confirmed: 8, failed: 2 }],
    consumers: [{ name: 'payments', state: 'slowed', inFlight: 5, held: 6, settled: { ack: 14, dead_letter: 2 }, retries: 4 }],
    integrations: [{ name: 'payment', breaker: 'open', inFlight: 5 }],
    secrets: [{ name: 'api_keys' }],
    workersWanted: 2,
    workerRestarts: 4,
    workers: [
      { worker: 0, pid: 100, answered: true, requestsInFlight: 2, breakers: [{ state: 'closed' }] },
      { worker: 1, pid: 101, answered: true, requestsInFlight: 3, breakers: [{ state: 'open' }] },
    ],
  })
})

test('a worker that does not answer is named, and the others still count', () => {
  const merged = mergedStatus(
    [
      { worker: 0, pid: 100, status: undefined },
      { worker: 1, pid: 101, status: statusOf(3, 'healthy', 'closed') },
    ],
    { wanted: 2, restarts: 0 },
  )
  expect(merged).toMatchObject({
    requestsInFlight: 3,
    workers: [
      { worker: 0, answered: false },
      { worker: 1, answered: true },
    ],
  })
})
