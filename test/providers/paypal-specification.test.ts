import { readFile } from 'node:fs/promises'
import { Ajv } from 'ajv'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Json } from '../../gateway/plugin.ts'
import { adapter } from '../../plugins/payments/paypal/paypal.ts'
import { adapterUnderTest } from '../kit/adapter.ts'
import type { AdapterUnderTest } from '../kit/adapter.ts'
import { prismSource, startPrism } from '../kit/prism.ts'
import type { PrismServer } from '../kit/prism.ts'
import { missing, skips } from '../kit/servers.ts'
import { startPaypal } from '../kit/stand-ins/paypal.ts'
import { mended, paypalSpecification } from '../kit/specifications.ts'

const names = ['checkout_orders_v2', 'payments_payment_v2', 'notifications_webhooks_v1'] as const
const source = await prismSource(...names.map((name) => () => paypalSpecification(name)))

const amount = { currency_code: 'USD', value: '10.50' }
const unit = (payments: object): object => ({ amount, payments })
/** Orders in the states that lead to each call; what is asked of them goes to prism. */
const orders: Readonly<Record<string, object>> = {
  APPROVED: { intent: 'CAPTURE', status: 'APPROVED', purchase_units: [unit({})] },
  APPROVEDMANUAL: { intent: 'AUTHORIZE', status: 'APPROVED', purchase_units: [unit({})] },
  AUTHORIZED: {
    intent: 'AUTHORIZE',
    status: 'COMPLETED',
    purchase_units: [unit({ authorizations: [{ id: '0VF52814937998046', status: 'CREATED' }] })],
  },
  CAPTURED: {
    intent: 'CAPTURE',
    status: 'COMPLETED',
    purchase_units: [unit({ captures: [{ id: '2GG279541U471931P', status: 'COMPLETED', amount }] })],
  },
}

describe.skipIf(skips(source))(`what the adapter sends, held against PayPal's own OpenAPI${missing(source)}`, () => {
  let prism: PrismServer
  let paypal: AdapterUnderTest
  beforeAll(async () => {
    const files = await Promise.all(names.map(paypalSpecification))
    prism = await startPrism({
      specifications: files.map((file) => ({ file })),
      answer: ({ method, path }) => {
        if (path === '/v1/oauth2/token') return { status: 200, body: JSON.stringify({ access_token: 'any', token_type: 'Bearer', expires_in: 600 }) }
        const [, id = ''] = /^\/v2\/checkout\/orders\/([A-Z]+)$/.exec(path) ?? []
        const order = method === 'GET' ? orders[id] : undefined
        return order === undefined ? undefined : { status: 200, body: JSON.stringify({ id, ...order }) }
      },
      prefer: ({ method, path }) => (method === 'POST' && path.startsWith('/v2/') ? { code: path.endsWith('/void') ? 204 : 201 } : undefined),
    })
    paypal = await adapterUnderTest(adapter, {
      baseUrl: prism.url,
      auth: { type: 'oauth2', client_id: 'client', client_secret: 'secret' },
      settings: { unique_references: true, webhook_id: '5L518819FA0214926' },
    })
  })
  afterAll(async () => {
    await paypal.close()
    await prism.stop()
  })

  const base = { amount: 1050, currency: 'usd', reference: 'order-7', description: 'Shoes' }
  const calls: readonly (readonly [string, Json, readonly string[]])[] = [
    ['create_payment', { ...base, payment_method: 'vaulted1' }, ['POST /v2/checkout/orders']],
    ['create_payment', { ...base, payment_method: 'paypal:vaulted1', capture: 'manual' }, ['POST /v2/checkout/orders']],
    ['create_payment', { ...base, return_url: 'https://shop.example/back' }, ['POST /v2/checkout/orders']],
    ['create_payment', { amount: 1, currency: 'jpy' }, ['POST /v2/checkout/orders']],
    ['get_payment', { payment: '5O190127TN364715T' }, ['GET /v2/checkout/orders/5O190127TN364715T']],
    ['capture_payment', { payment: 'APPROVED' }, ['POST /v2/checkout/orders/APPROVED/capture']],
    ['capture_payment', { payment: 'APPROVEDMANUAL' }, ['POST /v2/checkout/orders/APPROVEDMANUAL/authorize']],
    ['capture_payment', { payment: 'AUTHORIZED', amount: 500 }, ['POST /v2/payments/authorizations/0VF52814937998046/capture']],
    ['capture_payment', { payment: 'AUTHORIZED' }, ['POST /v2/payments/authorizations/0VF52814937998046/capture']],
    ['release_authorization', { payment: 'AUTHORIZED' }, ['POST /v2/payments/authorizations/0VF52814937998046/void']],
    ['release_authorization', { payment: 'CAPTURED', refund_if_captured: true }, ['POST /v2/payments/captures/2GG279541U471931P/refund']],
    ['refund', { payment: 'CAPTURED', amount: 300, reason: 'duplicate' }, ['POST /v2/payments/captures/2GG279541U471931P/refund']],
  ]

  test.each(calls)('%s %j is taken', async (operation, input, expected) => {
    const before = prism.requests().length
    // PayPal's examples are not always the answer that the question had: only what was sent counts here.
    await paypal.call(operation, input).catch(() => undefined)
    const requests = prism.requests().slice(before)
    expect(requests.map(({ request }) => request)).toEqual(expect.arrayContaining([...expected]))
    expect(prism.violations()).toEqual([])
  })

  test('a webhook is handed on to be checked', async () => {
    const headers = {
      'paypal-transmission-id': '69cd13f0-d67a-11e5-baa3-778b53f4ae55',
      'paypal-transmission-time': new Date().toISOString(),
      'paypal-transmission-sig': 'lmI95Jx3Y9nhR5SJWlHVIWpg4AgFk7n9bCHSRxbrd8A9zrhdu2rMyFrmz',
      'paypal-cert-url': 'https://api.paypal.com/v1/notifications/certs/CERT-1',
      'paypal-auth-algo': 'SHA256withRSA',
    }
    const event = { id: '8PT597110X687430LKGECATA', event_type: 'BILLING.PLAN.CREATED', resource: { id: 'X' }, create_time: '2026-01-31T12:00:00Z' }
    const request = { method: 'POST', url: '/', headers, body: Buffer.from(JSON.stringify(event)) }
    await paypal.instance.webhook?.(request, { signal: new AbortController().signal })
    expect(prism.requests().at(-1)?.request).toBe('POST /v1/notifications/verify-webhook-signature')
    expect(prism.violations()).toEqual([])
  })

  test('what is wrong would be found', async () => {
    const headers = { authorization: 'Bearer any', 'content-type': 'application/json', 'paypal-request-id': 'k', prefer: 'return=representation' }
    await fetch(`${prism.url}/v2/checkout/orders`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ intent: 'STEAL', purchase_units: [{ amount }] }),
    })
    expect(prism.violations()).not.toEqual([])
  })
})

describe.skipIf(skips(source))(`what our own stand-in answers, held against PayPal's own OpenAPI${missing(source)}`, () => {
  test('are the orders, captures and refunds that PayPal describes, in every state', async () => {
    const fits = await schemasOf(names)
    const server = await startPaypal()
    const paypal = await adapterUnderTest(adapter, { baseUrl: server.url, auth: { type: 'oauth2', client_id: 'client', client_secret: 'secret' } })
    const make = async (input: object): Promise<string> =>
      ((await paypal.call('create_payment', { amount: 1050, currency: 'usd', ...input })) as { readonly id: string }).id
    try {
      await make({ payment_method: 'vaulted' })
      await make({ return_url: 'https://shop.example/back' })
      server.approve(await make({}))
      const reserved = await make({ payment_method: 'vaulted', capture: 'manual' })
      await paypal.call('capture_payment', { payment: reserved, amount: 500 })
      await paypal.call('refund', { payment: reserved, amount: 100 })
      await paypal.call('release_authorization', { payment: await make({ payment_method: 'vaulted', capture: 'manual' }) })
      const made = server.payments()
      expect(new Set(made.map(({ status }) => status))).toEqual(new Set(['COMPLETED', 'PAYER_ACTION_REQUIRED', 'APPROVED']))
      for (const order of made) {
        fits('checkout_orders_v2', 'order', order)
        const { captures, authorizations, refunds } = order.purchase_units[0].payments
        for (const capture of captures) fits('payments_payment_v2', 'capture-2', capture)
        for (const authorization of authorizations) fits('payments_payment_v2', 'authorization-2', authorization)
        for (const refund of refunds) fits('payments_payment_v2', 'refund', refund)
      }
      expect(() => fits('checkout_orders_v2', 'order', { ...made[0], status: 'PAID' })).toThrow('order')
    } finally {
      await paypal.close()
      await server.close()
    }
  })
})

type Fits = (specification: string, schema: string, value: unknown) => void

const schemasOf = async (of: typeof names): Promise<Fits> => {
  const ajv = new Ajv({ strict: false, validateFormats: false, logger: false })
  for (const name of of) ajv.addSchema(mended(JSON.parse(await readFile(await paypalSpecification(name), 'utf8'))) as object, name)
  return (specification, schema, value) => {
    const validate = ajv.getSchema(`${specification}#/components/schemas/${schema}`)
    if (validate === undefined) throw new Error(`there is no schema ${schema}`)
    if (validate(value) !== true) throw new Error(`${schema}: ${ajv.errorsText(validate.errors)}`)
  }
}
