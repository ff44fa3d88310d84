import { createHmac } from 'node:crypto'
import { Stripe } from 'stripe'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Json, WebhookEvent } from '../../gateway/plugin.ts'
import { adapter } from '../../plugins/payments/stripe/stripe.ts'
import { adapterUnderTest } from '../kit/adapter.ts'
import type { AdapterUnderTest } from '../kit/adapter.ts'

const nowMs = Date.UTC(2026, 0, 31, 12)
const nowS = nowMs / 1000
const secret = 'whsec_present'
const official = new Stripe('sk_test_any').webhooks

let stripe: AdapterUnderTest
beforeEach(async () => {
  stripe = await adapterUnderTest(adapter, {
    auth: { type: 'bearer', token: 'sk_test_any' },
    settings: { webhook_secret: '${secret:stripe#webhook}' },
    secrets: { 'stripe#webhook': secret },
    now: () => nowMs,
  })
})
afterEach(() => stripe.close())

const intent = {
  id: 'pi_1',
  object: 'payment_intent',
  amount: 1050,
  amount_received: 1050,
  currency: 'eur',
  metadata: { headgate_reference: 'order-7' },
}
const eventOf = (type: string, object: object): string => JSON.stringify({ id: 'evt_1', object: 'event', type, created: nowS - 5, data: { object } })
const succeeded = eventOf('payment_intent.succeeded', intent)

/** As Stripe's own library signs. */
const signed = (payload: string, options: { readonly timestamp?: number; readonly secret?: string } = {}): string =>
  official.generateTestHeaderString({ payload, secret, timestamp: nowS, ...options })

const received = (body: string | Buffer, signature: string | undefined): Promise<readonly WebhookEvent[]> => {
  const headers = { 'content-type': 'application/json', ...(signature === undefined ? {} : { 'stripe-signature': signature }) }
  const { webhook } = stripe.instance
  if (webhook === undefined) throw new Error('the adapter takes no webhooks')
  return webhook({ method: 'POST', url: '/webhooks/stripe', headers, body: Buffer.from(body) }, { signal: new AbortController().signal })
}

const rejected = { name: 'WebhookRejected' }

describe('webhooks of Stripe', () => {
  test('that its own library signs are taken', async () => {
    expect(await received(succeeded, signed(succeeded))).toEqual([
      {
        id: 'evt_1',
        type: 'PaymentSucceeded',
        atMs: nowMs - 5000,
        subject: 'pi_1',
        data: { payment: 'pi_1', amount: 1050, currency: 'eur', reference: 'order-7' },
      },
    ])
  })

  test.each([-299, 0, 299])('signed %i s away from now are taken', async (offset) => {
    expect(await received(succeeded, signed(succeeded, { timestamp: nowS + offset }))).toHaveLength(1)
  })

  test.each([-301, 301, -86_400])('signed %i s away from now are rejected: replayed, or a clock is wrong', async (offset) => {
    await expect(received(succeeded, signed(succeeded, { timestamp: nowS + offset }))).rejects.toMatchObject(rejected)
  })

  test('with another body, even by one byte, are rejected', async () => {
    await expect(received(succeeded.replace('1050', '1051'), signed(succeeded))).rejects.toMatchObject(rejected)
    await expect(received(`${succeeded} `, signed(succeeded))).rejects.toMatchObject(rejected)
  })

  test('with a younger time put in front of an old signature are rejected', async () => {
    const old = signed(succeeded, { timestamp: nowS - 3600 })
    await expect(received(succeeded, old.replace(/t=\d+/, `t=${nowS}`))).rejects.toMatchObject(rejected)
    await expect(received(succeeded, `t=${nowS},${old}`)).rejects.toMatchObject(rejected)
  })

  test('signed with another secret are rejected', async () => {
    await expect(received(succeeded, signed(succeeded, { secret: 'whsec_other' }))).rejects.toMatchObject(rejected)
  })

  test('during a rotation carry several signatures, of which one has to fit', async () => {
    const old = signed(succeeded, { secret: 'whsec_old' })
    const present = /v1=[0-9a-f]+/.exec(signed(succeeded))?.[0] ?? ''
    expect(await received(succeeded, `${old},${present}`)).toHaveLength(1)
    await expect(received(succeeded, `${old},${old.replace(/^t=\d+,/, '')}`)).rejects.toMatchObject(rejected)
  })

  test('signed in the old scheme only are rejected', async () => {
    await expect(received(succeeded, signed(succeeded).replace('v1=', 'v0='))).rejects.toMatchObject(rejected)
  })

  test.each([
    ['no header', undefined],
    ['an empty one', ''],
    ['no time', 'v1=00'],
    ['no signature', `t=${nowS}`],
    ['a time that is none', `t=now,v1=${'0'.repeat(64)}`],
    ['a signature that is too short', `t=${nowS},v1=00`],
    ['a signature that is no hex', `t=${nowS},v1=${'z'.repeat(64)}`],
    ['a flood of signatures', `t=${nowS}${`,v1=${'0'.repeat(64)}`.repeat(40)}`],
    ['a header without end', `t=${nowS},${'x'.repeat(100_000)}`],
  ])('with %s are rejected', async (_what, header) => {
    await expect(received(succeeded, header)).rejects.toMatchObject(rejected)
  })

  test('are rejected while no secret is configured', async () => {
    const bare = await adapterUnderTest(adapter, { auth: { type: 'bearer', token: 'any' }, now: () => nowMs })
    const header = `t=${nowS},v1=${createHmac('sha256', '').update(`${nowS}.${succeeded}`).digest('hex')}`
    const request = { method: 'POST', url: '/', headers: { 'stripe-signature': header }, body: Buffer.from(succeeded) }
    await expect(bare.instance.webhook?.(request, { signal: new AbortController().signal })).rejects.toMatchObject(rejected)
    await bare.close()
  })

  test('whose body is no JSON, or lacks what its type promises, are rejected although they are signed', async () => {
    await expect(received('{', signed('{'))).rejects.toMatchObject(rejected)
    const poor = eventOf('payment_intent.succeeded', { id: 'pi_1' })
    await expect(received(poor, signed(poor))).rejects.toMatchObject(rejected)
  })

  test('of types that nobody asked for are left out', async () => {
    const other = eventOf('customer.created', { id: 'cus_1' })
    expect(await received(other, signed(other))).toEqual([])
    const noPayment = eventOf('charge.refunded', { id: 'ch_1', payment_intent: null, amount_refunded: 1, currency: 'eur' })
    expect(await received(noPayment, signed(noPayment))).toEqual([])
  })
})

describe('events of Stripe', () => {
  const charge = { id: 'ch_1', payment_intent: 'pi_1', amount: 1050, amount_refunded: 300, currency: 'eur', metadata: {} }
  test.each([
    ['payment_intent.payment_failed', { ...intent, last_payment_error: { code: 'card_declined' } }, 'PaymentFailed', { code: 'card_declined' }],
    ['payment_intent.canceled', { ...intent, cancellation_reason: 'abandoned' }, 'PaymentCanceled', { code: 'abandoned' }],
    ['payment_intent.amount_capturable_updated', { ...intent, amount_capturable: 1050 }, 'PaymentRequiresCapture', { amount: 1050 }],
    ['charge.refunded', charge, 'PaymentRefunded', { payment: 'pi_1', amount: 300 }],
    ['charge.dispute.created', { ...charge, reason: 'fraudulent' }, 'PaymentDisputed', { payment: 'pi_1', code: 'fraudulent' }],
    ['payment_intent.succeeded', { ...intent, currency: 'isk', amount_received: 50_000 }, 'PaymentSucceeded', { amount: 500 }],
  ])('%s', async (type, object, name, data) => {
    const body = eventOf(type, object)
    const [event] = await received(body, signed(body))
    expect(event).toMatchObject({ type: name, subject: 'pi_1', data })
    expect(Object.keys(adapter.webhook?.events ?? {})).toContain(name)
    expect(Object.keys(event?.data as { readonly [key: string]: Json })).toEqual(expect.arrayContaining(['payment', 'amount', 'currency']))
  })
})
