import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { WebhookEvent } from '../../gateway/plugin.ts'
import { adapter } from '../../plugins/payments/paypal/paypal.ts'
import { adapterUnderTest } from '../kit/adapter.ts'
import type { AdapterUnderTest } from '../kit/adapter.ts'
import { startPaypal } from '../kit/stand-ins/paypal.ts'
import type { PaypalStandIn } from '../kit/stand-ins/paypal.ts'

const webhookId = '5L518819FA0214926'
let server: PaypalStandIn
let paypal: AdapterUnderTest
beforeEach(async () => {
  server = await startPaypal()
  paypal = await adapterUnderTest(adapter, {
    baseUrl: server.url,
    auth: { type: 'oauth2', client_id: 'client', client_secret: 'secret' },
    settings: { webhook_id: webhookId },
  })
})
afterEach(async () => {
  await paypal.close()
  await server.close()
})

const received = (body: string | Buffer, headers: Readonly<Record<string, string>>): Promise<readonly WebhookEvent[]> => {
  const { webhook } = paypal.instance
  if (webhook === undefined) throw new Error('the adapter takes no webhooks')
  return webhook({ method: 'POST', url: '/webhooks/paypal', headers, body: Buffer.from(body) }, { signal: new AbortController().signal })
}

const related = { supplementary_data: { related_ids: { order_id: 'ORDER1' } } }
const amount = { currency_code: 'EUR', value: '10.50' }
const eventOf = (type: string, resource: object): string =>
  // Spaces and the spelling of numbers are covered by the signature, so they must survive.
  `{ "id": "WH-1", "event_type": "${type}", "create_time": "2026-01-31T12:00:00.000Z", "amount": 1.50,  "resource": ${JSON.stringify(resource)} }`
const completed = eventOf('PAYMENT.CAPTURE.COMPLETED', { id: 'CAP1', amount, custom_id: 'order-7', ...related })
const rejected = { name: 'WebhookRejected' }
const ago = (ms: number): string => new Date(Date.now() - ms).toISOString()
const hourMs = 3_600_000

describe('webhooks of PayPal', () => {
  test('with its signature are taken', async () => {
    expect(await received(completed, server.signed(completed, webhookId))).toEqual([
      {
        id: 'WH-1',
        type: 'PaymentSucceeded',
        atMs: Date.UTC(2026, 0, 31, 12),
        subject: 'ORDER1',
        data: { payment: 'ORDER1', amount: 1050, currency: 'eur', reference: 'order-7' },
      },
    ])
  })

  test('that were altered, or were signed for another endpoint, are rejected', async () => {
    const headers = server.signed(completed, webhookId)
    await expect(received(completed.replace('10.50', '99.50'), headers)).rejects.toMatchObject(rejected)
    await expect(received(`${completed} `, headers)).rejects.toMatchObject(rejected)
    await expect(received(completed, server.signed(completed, 'OTHER'))).rejects.toMatchObject(rejected)
  })

  test('with a younger time put on an old signature are rejected', async () => {
    const headers = server.signed(completed, webhookId, ago(100 * hourMs))
    await expect(received(completed, { ...headers, 'paypal-transmission-time': ago(0) })).rejects.toMatchObject(rejected)
  })

  test('repeated by PayPal for days are taken, older ones and those from the future are not even asked about', async () => {
    expect(await received(completed, server.signed(completed, webhookId, ago(71 * hourMs)))).toHaveLength(1)
    const asked = server.requests.length
    await expect(received(completed, server.signed(completed, webhookId, ago(73 * hourMs)))).rejects.toMatchObject(rejected)
    await expect(received(completed, server.signed(completed, webhookId, ago(-hourMs)))).rejects.toMatchObject(rejected)
    expect(server.requests).toHaveLength(asked)
  })

  test.each([
    ['paypal-cert-url', 'https://paypal.com.evil.example/cert'],
    ['paypal-cert-url', 'https://evilpaypal.com/cert'],
    ['paypal-cert-url', 'http://api.paypal.com/cert'],
    ['paypal-cert-url', 'https://api.paypal.com@evil.example/cert'],
    ['paypal-transmission-sig', '","webhook_event":{}'],
    ['paypal-transmission-time', 'yesterday'],
    ['paypal-auth-algo', ''],
    ['paypal-transmission-id', ''],
  ])('with %s "%s" are rejected without asking PayPal', async (name, value) => {
    await expect(received(completed, { ...server.signed(completed, webhookId), [name]: value })).rejects.toMatchObject(rejected)
    expect(server.requests).toEqual([])
  })

  test.each(['{', '[]', '{}, "webhook_id": "OTHER"', Buffer.from([0x7b, 0xff, 0x7d])])('whose body is no JSON object are rejected', async (body) => {
    await expect(received(body, server.signed(body.toString(), webhookId))).rejects.toMatchObject(rejected)
    expect(server.requests).toEqual([])
  })

  test('are rejected while no webhook_id is configured', async () => {
    const bare = await adapterUnderTest(adapter, { baseUrl: server.url })
    const request = { method: 'POST', url: '/', headers: server.signed(completed, webhookId), body: Buffer.from(completed) }
    await expect(bare.instance.webhook?.(request, { signal: new AbortController().signal })).rejects.toMatchObject(rejected)
    await bare.close()
  })

  test('fail when PayPal cannot be asked, so that it sends them again', async () => {
    server.script('unavailable')
    await expect(received(completed, server.signed(completed, webhookId))).rejects.toMatchObject({ name: 'ProviderFailure', kind: 'service_down' })
  })

  test('of types that nobody asked for are left out', async () => {
    const other = eventOf('BILLING.PLAN.CREATED', { id: 'P1' })
    expect(await received(other, server.signed(other, webhookId))).toEqual([])
  })
})

describe('events of PayPal', () => {
  test.each([
    [
      'CHECKOUT.ORDER.APPROVED',
      { id: 'ORDER1', purchase_units: [{ amount, custom_id: 'order-7' }] },
      'PaymentRequiresCapture',
      { reference: 'order-7' },
    ],
    ['PAYMENT.AUTHORIZATION.CREATED', { id: 'A1', amount, ...related }, 'PaymentRequiresCapture', { amount: 1050 }],
    ['PAYMENT.AUTHORIZATION.VOIDED', { id: 'A1', amount, ...related }, 'PaymentCanceled', {}],
    ['PAYMENT.CAPTURE.DENIED', { id: 'C1', amount, status_details: { reason: 'REFUNDED' }, ...related }, 'PaymentFailed', { code: 'REFUNDED' }],
  ])('%s', async (type, resource, name, data) => {
    const body = eventOf(type, resource)
    expect(await received(body, server.signed(body, webhookId))).toMatchObject([
      { type: name, subject: 'ORDER1', data: { payment: 'ORDER1', ...data } },
    ])
  })

  test('refunds and disputes know their capture, which knows the order', async () => {
    const made = await paypal.call('create_payment', { amount: 1050, currency: 'eur', payment_method: 'vaulted' })
    const order = server.payments()[0]
    const capture = order?.purchase_units[0].payments.captures[0]?.id ?? ''
    await paypal.call('refund', { payment: (made as { readonly id: string }).id, amount: 300 })
    const refund = eventOf('PAYMENT.CAPTURE.REFUNDED', order?.purchase_units[0].payments.refunds[0] ?? {})
    expect(await received(refund, server.signed(refund, webhookId))).toMatchObject([
      { type: 'PaymentRefunded', data: { payment: order?.id, amount: 300, currency: 'eur' } },
    ])
    const dispute = { dispute_id: 'D1', reason: 'UNAUTHORISED', dispute_amount: amount, disputed_transactions: [{ seller_transaction_id: capture }] }
    const disputed = eventOf('CUSTOMER.DISPUTE.CREATED', dispute)
    expect(await received(disputed, server.signed(disputed, webhookId))).toMatchObject([
      { type: 'PaymentDisputed', data: { payment: order?.id, amount: 1050, code: 'UNAUTHORISED' } },
    ])
  })
})
