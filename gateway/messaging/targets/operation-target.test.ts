import { expect, test } from 'vitest'
import { absentOperations } from '../../../test/kit/absent.ts'
import { until } from '../../../test/kit/until.ts'
import { GatewayError } from '../../errors.ts'
import { intentHeader } from '../../integrations/operation.ts'
import type { OperationRequest, OperationResult } from '../../integrations/operation.ts'
import { jobHeader } from '../message.ts'
import { scene } from '../test/consumer-scene.ts'
import type { Scene, SceneOptions } from '../test/consumer-scene.ts'

const toPayment = { deliverTo: { type: 'operation', integration: 'payment', operation: 'create_payment' } } as const
const done: OperationResult = { type: 'completed', id: 'int_1', output: { id: 'pi_1' }, replayed: false, by: 'payment' }

interface Called {
  readonly requests: OperationRequest[]
  readonly resumed: string[]
}

async function withOperation(answer: (call: number) => Promise<OperationResult | undefined>, options: SceneOptions = {}): Promise<Scene & Called> {
  const requests: OperationRequest[] = []
  const resumed: string[] = []
  const operations = {
    ...absentOperations,
    execute: async (request: OperationRequest) => {
      requests.push(request)
      return (await answer(requests.length)) as OperationResult
    },
    resume: (id: string) => {
      resumed.push(id)
      return answer(resumed.length)
    },
  }
  const one = await scene({ ...options, config: { ...toPayment, ...options.config }, deps: { operations } })
  return { ...one, requests, resumed }
}

test('a message is one intent, named by its idempotency key or its id, and acknowledged when the operation is done', async () => {
  const { broker, requests } = await withOperation(() => Promise.resolve(done))
  broker.put({ id: 'm1', body: Buffer.from('{"amount":5}'), headers: { 'idempotency-key': 'k1' } })
  broker.put({ id: 'm2', body: Buffer.from('{"amount":6}') })
  await until('both are settled', () => broker.settled.length === 2)
  expect(broker.settled.map(({ settlement }) => settlement.outcome)).toEqual(['ack', 'ack'])
  expect(requests.map(({ input, key, from, integration, operation }) => [integration, operation, input, key, from])).toEqual([
    ['payment', 'create_payment', { amount: 5 }, 'k1', 'delivery'],
    ['payment', 'create_payment', { amount: 6 }, 'm2', 'delivery'],
  ])
  expect(new Set(requests.map(({ scope }) => scope)).size).toBe(1)
})

test('the input is made by the template', async () => {
  const request = { amount: '{{ int(body.cents) }}', reference: '{{ id }}', tenant: '{{ headers["x-tenant"] }}' }
  const { broker, requests } = await withOperation(() => Promise.resolve(done), { config: { deliverTo: { ...toPayment.deliverTo, request } } })
  broker.put({ id: 'm1', body: Buffer.from('{"cents":5}'), headers: { 'x-tenant': 'north' } })
  await until('it is settled', () => broker.settled.length === 1)
  expect(requests[0]?.input).toEqual({ amount: 5, reference: 'm1', tenant: 'north' })
})

test('a message that a failure mode made goes on with its intent; one of an intent that is forgotten is parked', async () => {
  const { broker, requests, resumed } = await withOperation((call) => Promise.resolve(call === 1 ? done : undefined))
  broker.put({ id: 'm1', headers: { [intentHeader]: 'int_1' } })
  await until('it is settled', () => broker.settled.length === 1)
  broker.put({ id: 'm2', headers: { [intentHeader]: 'int_2' } })
  await until('both are settled', () => broker.settled.length === 2)
  expect([requests.length, resumed]).toEqual([0, ['int_1', 'int_2']])
  expect(broker.deadLetters).toMatchObject([{ id: 'm2', attempts: 1, settlement: { reason: 'rejected', error: { type: 'operation_failed' } } }])
})

test('a declared wait sends the message back uncounted for as long as it says', async () => {
  const wait: OperationResult = { type: 'wait', id: 'int_1', mode: 'service_down', delayMs: 7, counted: false, failure: undefined }
  const { broker, consumer } = await withOperation((call) => Promise.resolve(call < 30 ? wait : done))
  broker.put({ id: 'm1', body: Buffer.from('{}') })
  await until('it is done', () => broker.settled.at(-1)?.settlement.outcome === 'ack')
  expect(broker.settled.slice(0, -1).map(({ settlement }) => settlement)).toEqual(
    Array.from({ length: 29 }, () => ({ outcome: 'release', delayMs: 7 })),
  )
  expect(consumer.status().settled).toMatchObject({ retry: 0, dead_letter: 0 })
})

test('a failure that no mode foresees is a failed attempt, with the words of the failure, and is parked after all of them', async () => {
  const failure = { kind: 'provider_error', executed: 'unknown', message: 'The provider answered 500', status: 500 } as const
  const wait: OperationResult = { type: 'wait', id: 'int_1', mode: undefined, delayMs: 0, counted: true, failure }
  const { broker, requests } = await withOperation(() => Promise.resolve(wait))
  broker.put({ id: 'm1', body: Buffer.from('{}') })
  await until('it is parked', () => broker.deadLetters.length === 1)
  expect(broker.deadLetters[0]).toMatchObject({
    attempts: 15,
    settlement: { reason: 'failed', error: { type: 'provider_error', message: 'The provider answered 500' } },
  })
  expect(requests).toHaveLength(15)
})

test.each([
  ['has failed for good', () => Promise.resolve(failed()), 'rejected', 'operation_failed'],
  ['does not fit the operation', () => Promise.reject(new GatewayError('OPERATION_INPUT_INVALID')), 'invalid', 'operation_input_invalid'],
  ['uses a key for something else', () => Promise.reject(new GatewayError('IDEMPOTENCY_CONFLICT')), 'rejected', 'idempotency_conflict'],
] as const)('a message that %s is parked at once', async (_what, answer, reason, type) => {
  const { broker } = await withOperation(answer)
  broker.put({ id: 'm1', body: Buffer.from('{}') })
  await until('it is parked', () => broker.deadLetters.length === 1)
  expect(broker.deadLetters[0]).toMatchObject({ attempts: 1, settlement: { reason, error: { type } } })
})

test('a message that is no JSON is parked without a call', async () => {
  const { broker, requests } = await withOperation(() => Promise.resolve(done))
  broker.put({ id: 'm1', body: Buffer.from([0xff]) })
  await until('it is parked', () => broker.deadLetters.length === 1)
  expect([broker.deadLetters[0]?.settlement, requests.length]).toMatchObject([{ reason: 'invalid' }, 0])
})

test.each(['IDEMPOTENCY_IN_PROGRESS', 'STATE_UNAVAILABLE'] as const)('%s is nobody’s fault: the message waits, uncounted', async (code) => {
  const { broker } = await withOperation((call) => (call === 1 ? Promise.reject(new GatewayError(code)) : Promise.resolve(done)))
  broker.put({ id: 'm1', body: Buffer.from('{}') })
  await until('it goes back', () => broker.settled.length > 0)
  expect(broker.settled[0]?.settlement).toMatchObject({ outcome: 'release', delayMs: code === 'STATE_UNAVAILABLE' ? 5000 : 1000 })
})

test('whoever sent the message and asks for it gets the output', async () => {
  const { broker, jobs } = await withOperation(() => Promise.resolve(done))
  broker.put({ id: 'm1', body: Buffer.from('{}'), headers: { [jobHeader]: '1' } })
  await until('it is settled', () => broker.settled.length === 1)
  expect(jobs.at(-1)).toMatchObject({ state: 'completed', result: { status: 200, contentType: 'application/json' } })
  expect(jobs.at(-1)?.result?.body?.toString()).toBe('{"id":"pi_1"}')
})

const failed = (): OperationResult => ({
  type: 'failed',
  id: 'int_1',
  failure: { kind: 'rejected', executed: 'no', message: 'card_declined' },
  mode: undefined,
  tell: undefined,
  status: 422,
  replayed: false,
})
