import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Json } from '../../gateway/plugin.ts'
import { adapter } from '../../plugins/payments/paypal/paypal.ts'
import { adapterUnderTest } from '../kit/adapter.ts'
import type { AdapterUnderTest } from '../kit/adapter.ts'
import { startPaypal } from '../kit/stand-ins/paypal.ts'
import type { PaypalStandIn } from '../kit/stand-ins/paypal.ts'
import { until } from '../kit/until.ts'

type CallOptions = NonNullable<Parameters<AdapterUnderTest['call']>[2]>

const auth = { type: 'oauth2', client_id: 'client', client_secret: '${secret:paypal#secret}' } as const
const secrets = { 'paypal#secret': 'secret' }

let server: PaypalStandIn
let paypal: AdapterUnderTest
let nowMs: number
beforeEach(async () => {
  nowMs = Date.now()
  server = await startPaypal({ slowMs: 200 })
  paypal = await adapterUnderTest(adapter, { baseUrl: server.url, auth, secrets, now: () => nowMs, settings: { unique_references: true } })
})
afterEach(async () => {
  await paypal.close()
  await server.close()
})

const charge = { amount: 1050, currency: 'eur', payment_method: 'vaulted', reference: 'order-7', description: 'Shoes' }
const idOf = (output: Json): string => (output as { readonly id: string }).id
const create = (input: object = {}, options: CallOptions = {}): Promise<Json> => paypal.call('create_payment', { ...charge, ...input }, options)
const sent = (): Json[] => server.requests.filter(({ method }) => method === 'POST').map(({ body }) => JSON.parse(body) as Json)

describe('payments', () => {
  test('of a vaulted method are charged at once, with the request id and one token for all calls', async () => {
    expect(await create({}, { key: 'hg_1' })).toEqual({
      id: expect.any(String) as unknown,
      status: 'succeeded',
      amount: 1050,
      currency: 'eur',
      captured: 1050,
      reference: 'order-7',
    })
    await create({ reference: 'order-8', payment_method: 'paypal:wallet' })
    expect(server.requests[0]?.headers).toMatchObject({
      'paypal-request-id': 'hg_1',
      prefer: 'return=representation',
      authorization: 'Bearer token-1',
    })
    expect(sent()).toMatchObject([
      {
        intent: 'CAPTURE',
        purchase_units: [{ amount: { currency_code: 'EUR', value: '10.50' }, custom_id: 'order-7', invoice_id: 'order-7', description: 'Shoes' }],
        payment_source: { card: { vault_id: 'vaulted' } },
      },
      { payment_source: { paypal: { vault_id: 'wallet' } } },
    ])
    expect(server.tokens()).toBe(1)
  })

  test('are reserved, captured in part, refunded in part and then whole', async () => {
    const reserved = await create({ capture: 'manual' })
    expect(reserved).toMatchObject({ status: 'requires_capture', amount: 1050 })
    const payment = idOf(reserved)
    expect(await paypal.call('capture_payment', { payment, amount: 800 })).toMatchObject({
      id: payment,
      status: 'succeeded',
      amount: 1050,
      captured: 800,
    })
    expect(await paypal.call('refund', { payment, amount: 300 })).toMatchObject({ payment, status: 'succeeded', amount: 300, currency: 'eur' })
    expect(await paypal.call('get_payment', { payment })).toMatchObject({ captured: 800, refunded: 300 })
    expect(await paypal.call('refund', { payment })).toMatchObject({ amount: 500 })
    await expect(paypal.call('refund', { payment })).rejects.toMatchObject({ kind: 'rejected', code: 'CAPTURE_FULLY_REFUNDED', executed: 'no' })
  })

  test('without a method wait for the customer, and are captured after the approval', async () => {
    const asked = await create({ payment_method: undefined, return_url: 'https://shop.example/back' })
    expect(asked).toMatchObject({ status: 'requires_action', action_url: expect.stringContaining('paypal.com') as unknown })
    const payment = idOf(asked)
    await expect(paypal.call('capture_payment', { payment })).rejects.toMatchObject({ kind: 'rejected', code: 'payment_requires_action' })
    server.approve(payment)
    expect(await paypal.call('get_payment', { payment })).toMatchObject({ status: 'requires_capture' })
    expect(await paypal.call('capture_payment', { payment })).toMatchObject({ status: 'succeeded', captured: 1050 })
  })

  test('that are reserved after an approval are authorized and captured by one call, which may be repeated', async () => {
    const payment = idOf(await create({ payment_method: undefined, capture: 'manual' }))
    server.approve(payment)
    server.script('none', 'none', 'lost_answer')
    await expect(paypal.call('capture_payment', { payment, amount: 900 }, { key: 'c' })).rejects.toMatchObject({ executed: 'unknown' })
    expect(await paypal.call('capture_payment', { payment, amount: 900 }, { key: 'c' })).toMatchObject({ status: 'succeeded', captured: 900 })
    expect(server.charges().get('order-7')).toBe(1)
    await expect(paypal.call('capture_payment', { payment, amount: 100 })).rejects.toMatchObject({ kind: 'rejected', executed: 'no' })
  })

  test('are given up while they are reserved', async () => {
    const payment = idOf(await create({ capture: 'manual' }))
    expect(await paypal.call('release_authorization', { payment })).toMatchObject({ status: 'canceled' })
    expect(await paypal.call('release_authorization', { payment })).toMatchObject({ status: 'canceled' })
    await expect(paypal.call('capture_payment', { payment })).rejects.toMatchObject({ kind: 'rejected' })
  })

  test('that were captured are refunded instead of released, where that is wanted, and only once', async () => {
    const payment = idOf(await create())
    await expect(paypal.call('release_authorization', { payment })).rejects.toMatchObject({ kind: 'rejected', executed: 'no' })
    const wanted = { payment, refund_if_captured: true }
    expect(await paypal.call('release_authorization', wanted)).toMatchObject({ refunded: 1050 })
    expect(await paypal.call('release_authorization', wanted)).toMatchObject({ refunded: 1050 })
    expect(server.payments()[0]?.purchase_units[0].payments.refunds).toHaveLength(1)
  })

  test('are undone by a refund whatever they have come to: reserved, captured, given back in part or as a whole, given up', async () => {
    const undoing = (payment: string): { payment: string; release_if_uncaptured: true } => ({ payment, release_if_uncaptured: true })
    const nothing = { status: 'succeeded', amount: 0, currency: 'eur' }
    const reserved = idOf(await create({ capture: 'manual' }))
    expect(await paypal.call('refund', undoing(reserved))).toMatchObject({ payment: reserved, ...nothing })
    expect(await paypal.call('get_payment', { payment: reserved })).toMatchObject({ status: 'canceled' })
    expect(await paypal.call('refund', undoing(reserved))).toMatchObject(nothing)

    const captured = idOf(await create({ reference: 'order-8' }))
    await paypal.call('refund', { payment: captured, amount: 50 })
    expect(await paypal.call('refund', undoing(captured), { key: 'u' })).toMatchObject({ amount: 1000 })
    expect(await paypal.call('refund', undoing(captured), { key: 'u' })).toMatchObject({ amount: 1000 })
    expect(await paypal.call('refund', undoing(captured), { key: 'v' })).toMatchObject(nothing)
    expect(await paypal.call('get_payment', { payment: captured })).toMatchObject({ refunded: 1050 })
  })

  test('of which nothing is held are left to end by themselves', async () => {
    const payment = idOf(await create({ payment_method: undefined }))
    expect(await paypal.call('release_authorization', { payment })).toMatchObject({ status: 'requires_action' })
  })

  test.each([
    ['jpy', 500, '500'],
    ['huf', 50_000, '500'],
    ['usd', 5, '0.05'],
  ])('in %s are written as PayPal writes them', async (currency, amount, value) => {
    const made = await create({ currency, amount })
    expect(sent()).toMatchObject([{ purchase_units: [{ amount: { value } }] }])
    expect(made).toMatchObject({ amount, captured: amount })
  })

  test('that PayPal cannot express are not sent', async () => {
    await expect(create({ currency: 'huf', amount: 50_050 })).rejects.toMatchObject({ kind: 'invalid_request', executed: 'no' })
    expect(server.requests).toEqual([])
  })
})

describe('repetitions with one request id', () => {
  test('charge once, after a lost answer and after an error behind the effect', async () => {
    server.script('lost_answer', 'none', 'error_after')
    await expect(create({}, { key: 'k' })).rejects.toMatchObject({ kind: 'network_error', executed: 'unknown' })
    expect(await create({}, { key: 'k', attempt: 2 })).toMatchObject({ status: 'succeeded' })
    await expect(create({ reference: 'order-8' }, { key: 'l' })).rejects.toMatchObject({ kind: 'provider_error', executed: 'unknown' })
    expect(await create({ reference: 'order-8' }, { key: 'l', attempt: 2 })).toMatchObject({ status: 'succeeded' })
    expect([...server.charges().values()]).toEqual([1, 1])
  })

  test('of a refund give back once, and with other parameters are a conflict', async () => {
    const payment = idOf(await create())
    server.script('none', 'lost_answer')
    await expect(paypal.call('refund', { payment, amount: 100 }, { key: 'r' })).rejects.toMatchObject({ executed: 'unknown' })
    expect(await paypal.call('refund', { payment, amount: 100 }, { key: 'r' })).toMatchObject({ amount: 100 })
    expect(await paypal.call('get_payment', { payment })).toMatchObject({ refunded: 100 })
    await create({ reference: 'order-9' }, { key: 'k' })
    await expect(create({ reference: 'order-9', amount: 1 }, { key: 'k' })).rejects.toMatchObject({ kind: 'key_conflict', executed: 'unknown' })
  })

  test('while the first is worked on are told so', async () => {
    server.script('slow')
    const first = create({}, { key: 'k' })
    await until('the first call has come', () => server.requests.length === 1)
    await expect(create({}, { key: 'k' })).rejects.toMatchObject({ kind: 'in_progress', executed: 'unknown', status: 409 })
    expect(await first).toMatchObject({ status: 'succeeded' })
  })

  test('a second payment of a reference is refused; what it means depends on whether we may have made the first', async () => {
    await create()
    await expect(create()).rejects.toMatchObject({ kind: 'rejected', code: 'DUPLICATE_INVOICE_ID', executed: 'no' })
    await expect(create({}, { attempt: 2 })).rejects.toMatchObject({ kind: 'rejected', executed: 'unknown' })
  })
})

describe('failures', () => {
  test.each([
    ['rate_limited', { kind: 'rate_limited', executed: 'no', status: 429, code: 'RATE_LIMIT_REACHED', retryAfterMs: 2000 }],
    ['unavailable', { kind: 'service_down', executed: 'no', status: 503 }],
    ['error_early', { kind: 'provider_error', executed: 'unknown', status: 500, code: 'INTERNAL_SERVER_ERROR' }],
    ['conflict', { kind: 'in_progress', executed: 'unknown', status: 409 }],
    ['lost_request', { kind: 'network_error', executed: 'unknown' }],
    ['malformed', { kind: 'invalid_response', executed: 'unknown' }],
    ['wrong_shape', { kind: 'invalid_response', executed: 'unknown' }],
  ] as const)('%s is read as what it is', async (fault, failure) => {
    server.script(fault)
    await expect(create()).rejects.toMatchObject({ name: 'ProviderFailure', ...failure })
  })

  test('before the call that has the effect had none', async () => {
    const payment = idOf(await create({ capture: 'manual' }))
    server.script('lost_answer')
    await expect(paypal.call('capture_payment', { payment })).rejects.toMatchObject({ kind: 'network_error', executed: 'no' })
  })

  test('a declined method is a refusal', async () => {
    await expect(create({ payment_method: 'declined-1' })).rejects.toMatchObject({
      kind: 'rejected',
      executed: 'no',
      code: 'INSTRUMENT_DECLINED',
      message: 'PayPal answered 422 (INSTRUMENT_DECLINED)',
    })
  })

  test('an order that there is not', async () => {
    await expect(paypal.call('get_payment', { payment: 'NONE' })).rejects.toMatchObject({ kind: 'not_found', executed: 'no' })
  })

  test('wrong credentials are named, and the secret is not', async () => {
    const stranger = await adapterUnderTest(adapter, { baseUrl: server.url, auth: { ...auth, client_secret: 'guessed' } })
    const failed = stranger.call('create_payment', charge)
    await expect(failed).rejects.toMatchObject({ kind: 'unauthorized', executed: 'no', code: 'invalid_client' })
    await expect(failed).rejects.not.toThrow('guessed')
    await stranger.close()
  })
})

describe('asking after an intent', () => {
  const asked = (key: string): CallOptions => ({ key, firstAttemptAtMs: nowMs - 120_000 })

  test('finds captures, refunds and releases by the order, and says when there is none', async () => {
    const payment = idOf(await create({ capture: 'manual' }))
    expect(await paypal.lookup('capture_payment', { payment }, { firstAttemptAtMs: nowMs })).toEqual({ found: 'unknown' })
    expect(await paypal.lookup('capture_payment', { payment }, asked('c'))).toEqual({ found: 'absent' })
    expect(await paypal.lookup('release_authorization', { payment }, asked('c'))).toEqual({ found: 'absent' })
    await paypal.call('capture_payment', { payment }, asked('c'))
    expect(await paypal.lookup('capture_payment', { payment }, asked('c'))).toMatchObject({ found: 'done', output: { captured: 1050 } })
    expect(await paypal.lookup('refund', { payment, amount: 50 }, asked('r'))).toEqual({ found: 'absent' })
    await paypal.call('refund', { payment, amount: 50 }, asked('r'))
    expect(await paypal.lookup('refund', { payment, amount: 50 }, asked('r'))).toMatchObject({ found: 'done', output: { amount: 50 } })
    await paypal.call('release_authorization', { payment, refund_if_captured: true })
    expect(await paypal.lookup('release_authorization', { payment, refund_if_captured: true }, asked('x'))).toMatchObject({ found: 'done' })
  })

  test('cannot be done for a new order, whose id nobody knows', () => {
    expect(paypal.instance.operations['create_payment']?.lookup).toBeUndefined()
  })
})

test('the probe needs an answer to the credentials and has no effect', async () => {
  const { signal } = new AbortController()
  await paypal.instance.probe?.({ signal })
  expect(server.requests.map(({ method }) => method)).toEqual(['GET'])
  server.script('unavailable')
  await expect(paypal.instance.probe?.({ signal })).rejects.toMatchObject({ kind: 'service_down' })
})
