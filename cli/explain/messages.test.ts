import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { load, type LoadResult } from '../../config/load.ts'
import type { TextStream } from '../io.ts'
import { explanationData } from './data.ts'
import { type Explanation, explanation } from './explanation.ts'
import { describedRequest } from './request.ts'
import { explanationText } from './text.ts'

const yaml = `queues:
  payment.process: { type: topic, ttl: 24h }
  audit.one: { type: fanout, exchange: audit, dead_letter: false }
  audit.two: { type: fanout, exchange: audit }
consumers:
  payment_processor:
    queue: payment.process
    timeout: 300s
    retry: { max_attempts: 3, dead_letter_after: 5 }
    deliver_to: { service: payments, path: /payments }
  audit: { queue: audit.one, timeout: never, deliver_to: { service: payments, path: /audit } }
events:
  OrderCreated:
    subscribers: { inventory: { service: payments, path: /events, timeout: 5s } }
services:
  payments: { urls: ["http://127.0.0.1:9104"] }
routing_rules:
  - { path: /payments, methods: [POST], queue: payment.process }
  - { path: /audit, methods: [POST], queue: audit.one }
  - { path: /events, methods: [POST], events: all }
`

const plain: TextStream = { write: () => undefined, style: (_, text) => text, columns: 80 }
let folder = ''
let result: LoadResult

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-explain-'))
  await writeFile(join(folder, 'gateway.yaml'), yaml)
  result = await load({ paths: ['gateway.yaml'], env: {}, cwd: folder })
})

afterAll(() => rm(folder, { recursive: true, force: true }))

const explained = (path: string): Explanation => {
  if (result.config === undefined) throw new Error(JSON.stringify(result.diagnostics))
  return explanation(result.config, result, describedRequest('POST', path, []))
}

test('a rule with a queue shows the queue, its broker, its consumer, and what one message may cost', () => {
  const text = explanationText(explained('/payments'), plain)
  expect(text).toContain('target  queue payment.process\n')
  expect(text).not.toContain('sent upstream')
  expect(text).toMatch(/max_body +16MiB +default\n/)
  expect(text).toMatch(/idempotency\.header +idempotency-key +default\n/)
  expect(text).toMatch(/^Queue payment\.process on default \(embedded\) {2}gateway\.yaml:2:\d+$/m)
  expect(text).toContain('Consumer payment_processor delivers to POST /payments at payments  gateway.yaml:6:3\n')
  expect(text).toContain('calls  15 attempts (5 deliveries x 3), then it is parked as a dead letter\n')
  expect(text).toContain('time   1h15m18s (15m1s for one delivery), with the longest waits in between\n')
  expect(text).toMatch(/retry\.dead_letter_after +5 +gateway\.yaml:9:\d+\n/)
})

test('every queue that a fanout exchange fills is shown, and what is lost is said', () => {
  const text = explanationText(explained('/audit'), plain)
  expect(text).toContain('then it is discarded: the queue keeps no dead letters')
  expect(text).toContain('no limit: the consumer has no timeout')
  expect(text).toMatch(/^Queue audit\.two on default \(embedded\).*\n {2}no consumer: the messages wait/m)
})

test('a subscriber is shown as the queue and consumer that it becomes, with its own lines as their origin', () => {
  const { taken } = explained('/events')
  expect(taken?.queues.map(({ name, consumers }) => [name, consumers.map((consumer) => consumer.name)])).toEqual([
    ['OrderCreated.inventory', ['OrderCreated.inventory']],
  ])
  expect(taken?.queues[0]?.consumers[0]?.policies.find(({ name }) => name === 'timeout')).toMatchObject({
    value: '5s',
    pointer: '/events/OrderCreated/subscribers/inventory/timeout',
    origin: expect.stringMatching(/^gateway\.yaml:14:/) as string,
  })
})

test('the data for machines has null where there is no limit', () => {
  const data = JSON.parse(JSON.stringify(explanationData(explained('/audit')))) as {
    queues: { ttlMs: unknown; consumers: { worstCase: unknown }[] }[]
  }
  expect(data.queues[0]?.ttlMs).toBeNull()
  expect(data.queues[0]?.consumers[0]?.worstCase).toEqual({ deliveries: 5, attemptsPerDelivery: 3, attempts: 15, deliveryMs: null, totalMs: null })
  expect(JSON.stringify(data)).not.toContain('Infinity')
})
