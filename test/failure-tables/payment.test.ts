import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startStripe } from '../kit/stand-ins/stripe.ts'
import type { StripeStandIn } from '../kit/stand-ins/stripe.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import type { TestUpstream } from '../kit/upstream.ts'
import { caller } from './caller.ts'
import type { Caller, ToldCaller } from './caller.ts'
import { startDesignGateway } from './design-gateway.ts'
import type { DesignGateway } from './design-gateway.ts'
import { startDoor } from './provider-door.ts'
import type { DoorReply, ProviderDoor } from './provider-door.ts'

let stripe: StripeStandIn
let door: ProviderDoor
let alerts: TestUpstream
let gateway: DesignGateway
let shop: Caller

const start = async (provider: string): Promise<void> => {
  gateway = await startDesignGateway(provider, `${alerts.url}/hook`)
  shop = caller(gateway.url)
}

beforeEach(async () => {
  stripe = await startStripe()
  door = await startDoor(stripe.url)
  alerts = await startUpstream((_request, response) => void response.writeHead(204).end())
})
afterEach(async () => {
  await gateway.end()
  await Promise.all([door.close(), stripe.close(), alerts.close()])
})

const pay = (key: string, reference = 'order-7'): Promise<ToldCaller> =>
  shop.post('/api/payments', { amount: 1050, currency: 'eur', payment_method: 'pm_card_visa', reference }, { 'idempotency-key': key })

/** Keys that the provider got with what has an effect. */
const keysSent = (): readonly unknown[] => [...new Set(door.posts().map(({ headers }) => headers['idempotency-key']))]

const pendingWith = (told: ToldCaller, message: string): void => {
  const { id } = told.body
  expect(told).toMatchObject({ status: 202, body: { status: 'processing', message, status_url: `/-/messages/${String(id)}` } })
  expect(told.headers).toMatchObject({ location: told.body['status_url'], 'cache-control': 'no-store', 'content-type': 'application/json' })
  expect(Number(told.headers['retry-after'])).toBeGreaterThanOrEqual(1)
}

const paid = { status: 200, body: { id: expect.stringMatching(/^pi_/) as unknown, status: 'succeeded', amount: 1050, currency: 'eur' } }

/** The payment is made once, under one key; who asks again gets it from the record, and the provider hears nothing of that. */
const chargedOnce = async (key: string, reference = 'order-7'): Promise<void> => {
  expect(stripe.charges().get(reference)).toBe(1)
  const before = door.knocks.length
  const again = await pay(key, reference)
  expect(again).toMatchObject({ ...paid, headers: { 'idempotent-replayed': 'true' } })
  expect(door.knocks.length).toBe(before)
  expect(stripe.charges().get(reference)).toBe(1)
}

const unavailable: DoorReply = { status: 503, body: { error: { type: 'api_error', message: 'The service is not available.' } } }

describe('service down', () => {
  test('503: queued, "Processing payment...", paid on its own when the provider is back', async () => {
    await start(door.url)
    door.always(unavailable)
    const told = await pay('key-of-the-shop')
    pendingWith(told, 'Processing payment...')
    expect(door.posts().length).toBeGreaterThanOrEqual(3)
    await until('the consumer has tried as well', () => door.posts().length >= 5)
    expect(await shop.get(String(told.body['status_url']))).toMatchObject({
      status: 200,
      body: { operation: 'payment.create_payment', message: 'Processing payment...', last_error: { type: 'service_down' } },
    })
    expect(stripe.payments()).toEqual([])

    door.always('pass')
    const { body } = await shop.statusOf(told, 'completed')
    expect(body).toMatchObject({ result: { status: 200, body: paid.body } })
    expect(body).not.toHaveProperty('message')
    expect(keysSent()).toEqual([expect.stringMatching(/^hg_/)])
    expect(JSON.stringify(door.knocks)).not.toContain('key-of-the-shop')
    await chargedOnce('key-of-the-shop')
    expect(alerts.seen).toEqual([])
  })

  test('nothing listens: the same', async () => {
    await start(stripe.url)
    await stripe.down()
    const told = await pay('a')
    pendingWith(told, 'Processing payment...')
    await stripe.up()
    await shop.statusOf(told, 'completed')
    expect(stripe.charges().get('order-7')).toBe(1)
    expect(new Set(stripe.requests.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
    expect(await pay('a')).toMatchObject(paid)
    expect(stripe.charges().get('order-7')).toBe(1)
  })
})

test('rate limited: queued, "High volume, please wait", and the provider hears nothing before it said', async () => {
  await start(door.url)
  door.script({ status: 429, headers: { 'retry-after': '2' }, body: { error: { type: 'invalid_request_error', code: 'rate_limit' } } })
  const told = await pay('a')
  pendingWith(told, 'High volume, please wait')
  expect(told.headers['retry-after']).toBe('2')
  expect(await shop.get(String(told.body['status_url']))).toMatchObject({
    body: { status: 'queued', message: 'High volume, please wait', last_error: { type: 'rate_limited' } },
  })
  // Others who ask for the same meanwhile do not make it come sooner.
  pendingWith(await pay('a'), 'High volume, please wait')
  await shop.statusOf(told, 'completed')
  const [first, second, ...more] = door.posts()
  expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(2000)
  expect(more).toEqual([])
  expect(keysSent()).toHaveLength(1)
  await chargedOnce('a')
})

describe('network timeout', () => {
  test('whose payment was made: repeated with its key, and the caller gets the payment', async () => {
    await start(door.url)
    door.script('mute')
    expect(await pay('a')).toMatchObject(paid)
    expect(door.posts()).toHaveLength(2)
    expect(keysSent()).toHaveLength(1)
    await chargedOnce('a')
  })

  test('again and again: "Verifying payment...", and the result when it is known', async () => {
    await start(door.url)
    door.always('mute')
    const told = await pay('a')
    pendingWith(told, 'Verifying payment...')
    expect(door.posts()).toHaveLength(3)
    expect(await shop.get(String(told.body['status_url']))).toMatchObject({
      body: { status: 'verifying', message: 'Verifying payment...', last_error: { type: 'timeout' } },
    })
    await until('the provider is asked what became of it', () => door.knocks.some(({ method }) => method === 'GET'))
    door.always('pass')
    expect((await shop.statusOf(told, 'completed')).body).toMatchObject({ result: { body: paid.body } })
    expect(keysSent()).toHaveLength(1)
    await chargedOnce('a')
    expect(alerts.seen).toEqual([])
  })
})

test('invalid response: one alert however many there are, "Technical issue", and the payments are found out, not made again', async () => {
  await start(door.url)
  door.always({ spoil: { status: 200, body: { object: 'surprise', amount: 'much' } } }, 'POST')
  const told = await Promise.all([pay('a', 'order-1'), pay('b', 'order-2'), pay('c', 'order-3')])
  for (const { status, headers, body } of told) {
    expect({ status, headers, body }).toMatchObject({
      status: 502,
      headers: { 'content-type': 'application/problem+json' },
      body: { code: 'OPERATION_FAILED', status: 502, detail: 'Technical issue', failure: 'invalid_response' },
    })
    expect(JSON.stringify(body)).not.toContain('surprise')
  }
  await until('an alert has come', () => alerts.seen.length > 0)
  for (const one of told) expect((await shop.statusOf(one, 'completed')).body).toMatchObject({ result: { body: paid.body } })
  expect(stripe.charges()).toEqual(
    new Map([
      ['order-1', 1],
      ['order-2', 1],
      ['order-3', 1],
    ]),
  )
  // Not repeated, because such an answer would come again: the provider was asked.
  expect(door.posts()).toHaveLength(3)
  expect(keysSent()).toHaveLength(3)
  await chargedOnce('a', 'order-1')

  expect(alerts.seen.map(({ method, url }) => `${method} ${url}`)).toEqual(['POST /hook'])
  const alert = JSON.parse(alerts.seen[0]?.body ?? '') as unknown
  expect(alert).toMatchObject({
    about: 'payment.create_payment/invalid_response',
    severity: 'critical',
    fields: { integration: 'payment', operation: 'create_payment', kind: 'invalid_response', action: 'log_and_alert', criticality: 'high' },
  })
  expect(alerts.seen[0]?.body).not.toMatch(/order-|sk_test|1050|pm_card/)
  expect(gateway.err()).toContain('payment.create_payment failed: invalid_response')
  expect(gateway.err() + gateway.out()).not.toContain('sk_test_design')
})
