import { afterEach, beforeEach, expect, test } from 'vitest'
import { startGateway } from '../kit/gateway.ts'
import type { TestGateway } from '../kit/gateway.ts'
import { startStripe } from '../kit/stand-ins/stripe.ts'
import type { StripeStandIn } from '../kit/stand-ins/stripe.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import type { TestUpstream } from '../kit/upstream.ts'
import { caller } from './caller.ts'
import type { Caller } from './caller.ts'
import { designYaml } from './design-gateway.ts'
import { startDoor } from './provider-door.ts'
import type { ProviderDoor } from './provider-door.ts'

/** What the design says of compensation, with flows that fail after each of the three operations. */
const yaml = (provider: string, shipping: string, alerts: string): string => `
${designYaml.replace(
  'plugin: stripe',
  `base_url: ${provider}
    auth: { type: bearer, token: sk_test_design }
    timeout: 2s
    reconcile: { base_delay: 50ms, max_delay: 200ms }
    plugin: stripe`,
)}
services:
  shipping: { urls: ["${shipping}"] }
alerts:
  default: { type: webhook, url: "${alerts}" }
flows:
  charge:
    steps:
      - { name: pay, integration: payment.create_payment, input: { amount: "{{ input.amount }}", currency: eur, payment_method: pm_card_visa, reference: "{{ input.order }}" } }
      - { name: ship, service: shipping, path: /parcels, body: { order: "{{ input.order }}" }, compensation: none }
  reserve_and_charge:
    steps:
      - { name: pay, integration: payment.create_payment, input: { amount: "{{ input.amount }}", currency: eur, payment_method: pm_card_visa, capture: manual, reference: "{{ input.order }}" } }
      - { name: capture, integration: payment.capture_payment, input: { payment: "{{ steps.pay.output.id }}" } }
      - { name: ship, service: shipping, path: /parcels, body: { order: "{{ input.order }}" }, compensation: none }
  give_back:
    steps:
      - { name: refund, integration: payment.refund, input: { payment: "{{ input.payment }}", amount: 300 } }
      - { name: collect, service: shipping, path: /collections, body: { payment: "{{ input.payment }}" }, compensation: none }
routing_rules:
  - { path: /api/orders, methods: [POST], flow: charge }
  - { path: /api/reservations, methods: [POST], flow: reserve_and_charge }
  - { path: /api/returns, methods: [POST], flow: give_back }
  - { path: /api/payments, methods: [POST], integration: payment.create_payment }
`

let stripe: StripeStandIn
let door: ProviderDoor
let shipping: TestUpstream
let alerts: TestUpstream
let gateway: TestGateway
let shop: Caller

beforeEach(async () => {
  stripe = await startStripe()
  door = await startDoor(stripe.url)
  shipping = await startUpstream((_request, response) => void response.writeHead(422, { 'content-type': 'application/json' }).end('{}'))
  alerts = await startUpstream((_request, response) => void response.writeHead(204).end())
  gateway = await startGateway(yaml(door.url, shipping.url, alerts.url))
  shop = caller(gateway.url)
})
afterEach(async () => {
  await gateway.close()
  await Promise.all([door.close(), stripe.close(), shipping.close(), alerts.close()])
})

const asked = (): readonly string[] => door.posts().map(({ path }) => path.replaceAll(/pi_\w+/g, 'ID'))
const refunds = async (): Promise<readonly number[]> => {
  const answer = await fetch(`${stripe.url}/v1/refunds?limit=100`, { headers: { authorization: 'Bearer sk_test_any' } })
  return ((await answer.json()) as { readonly data: readonly { readonly amount: number }[] }).data.map(({ amount }) => amount)
}
const keys = (): readonly unknown[] => door.posts().map(({ headers }) => headers['idempotency-key'])

test('create payment: refunded, once, even when the answer to the refund is lost', async () => {
  // The payment, a look at what it has come to, the refund.
  door.script('pass', 'pass', 'cut')
  const told = await shop.post('/api/orders', { order: 'order-1', amount: 1050 }, { 'idempotency-key': 'a' })
  const { body } = await shop.statusOf(told, 'compensated')
  expect(body).toMatchObject({
    flow: 'charge',
    steps: [
      { name: 'pay', status: 'undone' },
      { name: 'ship', status: 'failed' },
    ],
  })
  expect(stripe.charges().get('order-1')).toBe(1)
  expect(await refunds()).toEqual([1050])
  expect(asked().filter((path) => path !== '/v1/refunds')).toEqual(['/v1/payment_intents'])
  const [paying, ...refunding] = keys()
  expect(refunding.length).toBeGreaterThanOrEqual(1)
  expect(new Set(refunding).size).toBe(1)
  expect(refunding).not.toContain(paying)
  expect(shipping.seen).toHaveLength(1)
  // Asked again, it is the same flow, and nothing is done twice.
  expect(await shop.post('/api/orders', { order: 'order-1', amount: 1050 }, { 'idempotency-key': 'a' })).toMatchObject({
    body: { id: told.body['id'] },
  })
  expect(await refunds()).toEqual([1050])
})

test('capture: released, which for what was taken means given back, and create finds nothing left to refund', async () => {
  const told = await shop.post('/api/reservations', { order: 'order-2', amount: 1050 }, { 'idempotency-key': 'a' })
  const { body } = await shop.statusOf(told, 'compensated')
  expect(body).toMatchObject({
    steps: [
      { name: 'pay', status: 'undone' },
      { name: 'capture', status: 'undone' },
      { name: 'ship', status: 'failed' },
    ],
  })
  expect(asked().slice(0, 2)).toEqual(['/v1/payment_intents', '/v1/payment_intents/ID/capture'])
  expect(stripe.charges().get('order-2')).toBe(1)
  expect((await refunds()).reduce((sum, amount) => sum + amount, 0)).toBe(1050)
})

test('capture that is refused: nothing was taken, the reservation is released', async () => {
  door.script('pass', { status: 402, body: { error: { type: 'card_error', code: 'card_declined', message: 'Declined.' } } })
  const told = await shop.post('/api/reservations', { order: 'order-3', amount: 1050 }, { 'idempotency-key': 'a' })
  await shop.statusOf(told, 'compensated')
  expect(shipping.seen).toEqual([])
  expect(stripe.charges().get('order-3') ?? 0).toBe(0)
  expect(stripe.payments().map(({ status }) => status)).toEqual(['canceled'])
  expect(await refunds()).toEqual([])
})

test('refund: a person has to look, is told so, and money is not taken back', async () => {
  const payment = await shop.post('/api/payments', { amount: 1050, currency: 'eur', payment_method: 'pm_card_visa' }, { 'idempotency-key': 'a' })
  const told = await shop.post('/api/returns', { payment: payment.body['id'] }, { 'idempotency-key': 'b' })
  const { body } = await shop.statusOf(told, 'review')
  expect(body).toMatchObject({ flow: 'give_back', steps: [{ name: 'refund' }, { name: 'collect', status: 'failed' }] })
  expect(await refunds()).toEqual([300])
  expect(asked()).toEqual(['/v1/payment_intents', '/v1/refunds'])
  await until('the alert has come', () => alerts.seen.length > 0)
  expect(alerts.seen).toHaveLength(1)
  expect(JSON.parse(alerts.seen[0]?.body ?? '')).toMatchObject({
    about: 'flow.give_back/review',
    severity: 'critical',
    fields: { flow: 'give_back' },
  })
})
