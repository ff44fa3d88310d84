import { afterEach, beforeEach, expect, test } from 'vitest'
import { GatewayError } from '../errors.ts'
import { WebhookRejected } from '../plugin.ts'
import type { Adapter, WebhookEvent, WebhookRequest } from '../plugin.ts'
import { testAdapter } from './test/adapter.ts'
import { memoryStore } from './test/memory-store.ts'
import type { MemoryStore } from './test/memory-store.ts'
import { integrationOf, scene } from './test/scene.ts'
import type { Scene } from './test/scene.ts'

/** Takes what is signed with the right word, one event for each line. */
const signing: Adapter = {
  ...testAdapter,
  create: async (context) => ({
    ...(await testAdapter.create(context)),
    webhook: ({ headers, body }) => {
      if (headers['signature'] !== 'right') return Promise.reject(new WebhookRejected('the signature is wrong'))
      return Promise.resolve(
        String(body)
          .split('\n')
          .map((line) => JSON.parse(line) as WebhookEvent),
      )
    },
  }),
}

const event = (id: string, type = 'PaymentSucceeded'): WebhookEvent => ({ id, type, atMs: 0, data: { amount: 1 }, subject: 'pi_1 ü' })
const requestOf = (events: readonly WebhookEvent[], signature = 'right'): WebhookRequest => ({
  method: 'POST',
  url: '/hooks',
  headers: { signature },
  body: Buffer.from(events.map((each) => JSON.stringify(each)).join('\n')),
})

let store: MemoryStore
let offsetMs = 0
let one: Scene
let trouble: Error | undefined

beforeEach(async () => {
  offsetMs = 0
  trouble = undefined
  store = memoryStore(() => Date.now() + offsetMs)
  const publish = (): Promise<void> => (trouble === undefined ? Promise.resolve() : Promise.reject(trouble))
  one = await scene({ store, adapter: signing, publish, events: ['PaymentSucceeded'], integrations: [integrationOf('http://127.0.0.1:1')] })
})

afterEach(async () => {
  await one.drain(100)
  await one.close()
})

test('publishes each event once, as a CloudEvent', async () => {
  expect(await one.webhook('payment', requestOf([event('evt_1'), event('evt_2'), event('evt_1')]))).toBe(2)
  expect(await one.webhook('payment', requestOf([event('evt_2')]))).toBe(0)
  expect(one.messages.map(({ to }) => to)).toEqual(['PaymentSucceeded', 'PaymentSucceeded'])
  expect(one.messages[0]?.message).toMatchObject({
    contentType: 'application/json',
    headers: {
      'ce-id': 'evt_1',
      'ce-type': 'PaymentSucceeded',
      'ce-source': '/integrations/payment',
      'ce-time': '1970-01-01T00:00:00.000Z',
      'ce-subject': 'pi_1%20%C3%BC',
    },
  })
  expect(String(one.messages[0]?.message.body)).toBe('{"amount":1}')
})

test('remembers events for a week', async () => {
  await one.webhook('payment', requestOf([event('evt_1')]))
  offsetMs = 6.9 * 86_400_000
  expect(await one.webhook('payment', requestOf([event('evt_1')]))).toBe(0)
  offsetMs = 7.1 * 86_400_000
  expect(await one.webhook('payment', requestOf([event('evt_1')]))).toBe(1)
})

test('lets the provider send again what could not be published', async () => {
  trouble = new GatewayError('BROKER_UNAVAILABLE')
  await expect(one.webhook('payment', requestOf([event('evt_1')]))).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
  trouble = undefined
  expect(await one.webhook('payment', requestOf([event('evt_1')]))).toBe(1)
})

test('is published by one of two that get it at the same time', async () => {
  const both = await Promise.allSettled([one.webhook('payment', requestOf([event('evt_1')])), one.webhook('payment', requestOf([event('evt_1')]))])
  expect(both.some(({ status }) => status === 'fulfilled')).toBe(true)
  expect(one.messages).toHaveLength(1)
})

test('leaves out events that the configuration does not declare', async () => {
  expect(await one.webhook('payment', requestOf([event('evt_1', 'PaymentDisputed')]))).toBe(0)
  expect(one.messages).toEqual([])
})

test('refuses what is forged, and unknown integrations', async () => {
  await expect(one.webhook('payment', requestOf([event('evt_1')], 'wrong'))).rejects.toMatchObject({ name: 'WebhookRejected' })
  await expect(one.webhook('nobody', requestOf([event('evt_1')]))).rejects.toMatchObject({ code: 'WEBHOOK_REJECTED' })
  expect(one.messages).toEqual([])
})
