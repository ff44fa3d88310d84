import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Json } from '../../gateway/plugin.ts'
import { adapter } from '../../plugins/payments/stripe/stripe.ts'
import { adapterUnderTest } from '../kit/adapter.ts'
import type { AdapterUnderTest } from '../kit/adapter.ts'
import { startStripe } from '../kit/stand-ins/stripe.ts'
import type { StripeStandIn } from '../kit/stand-ins/stripe.ts'
import { noStripeMock, startStripeMock, stripeMockNote } from '../kit/stripe-mock.ts'
import { until } from '../kit/until.ts'

type CallOptions = NonNullable<Parameters<AdapterUnderTest['call']>[2]>

const auth = { type: 'bearer', token: '${secret:stripe#key}' } as const
const secrets = { 'stripe#key': 'sk_test_verysecret' }
const open = (baseUrl: string, now?: () => number): Promise<AdapterUnderTest> =>
  adapterUnderTest(adapter, { baseUrl, auth, secrets, ...(now === undefined ? {} : { now }) })

let server: StripeStandIn
let stripe: AdapterUnderTest
let nowMs: number
beforeEach(async () => {
  nowMs = Date.now()
  server = await startStripe({ slowMs: 200 })
  stripe = await open(server.url, () => nowMs)
})
afterEach(async () => {
  await stripe.close()
  await server.close()
})

const charge = { amount: 1050, currency: 'eur', payment_method: 'pm_card_visa', reference: 'order-7', description: 'Shoes' }
const idOf = (output: Json): string => (output as { readonly id: string }).id
const create = (input: object = {}, options: CallOptions = {}): Promise<Json> => stripe.call('create_payment', { ...charge, ...input }, options)

describe('payments', () => {
  test('are charged at once, with the key, the pinned version and the reference', async () => {
    const made = await create({ metadata: { shop: 'a' } }, { key: 'hg_1' })
    expect(made).toEqual({
      id: expect.any(String) as unknown,
      status: 'succeeded',
      amount: 1050,
      currency: 'eur',
      captured: 1050,
      reference: 'order-7',
    })
    expect(server.requests[0]?.headers).toMatchObject({
      'idempotency-key': 'hg_1',
      'stripe-version': expect.any(String) as unknown,
      authorization: 'Bearer sk_test_verysecret',
    })
    expect(server.payments()[0]?.metadata).toEqual({ shop: 'a', headgate_key: 'hg_1', headgate_reference: 'order-7' })
  })

  test('are reserved, captured in part, refunded in part and then whole', async () => {
    const reserved = await create({ capture: 'manual' })
    expect(reserved).toMatchObject({ status: 'requires_capture' })
    const payment = idOf(reserved)
    expect(await stripe.call('capture_payment', { payment, amount: 800 })).toMatchObject({ status: 'succeeded', captured: 800 })
    expect(await stripe.call('refund', { payment, amount: 300, reason: 'duplicate' })).toMatchObject({ payment, status: 'succeeded', amount: 300 })
    expect(await stripe.call('get_payment', { payment })).toMatchObject({ captured: 800, refunded: 300 })
    expect(await stripe.call('refund', { payment })).toMatchObject({ amount: 500 })
    await expect(stripe.call('refund', { payment })).rejects.toMatchObject({ kind: 'rejected', code: 'charge_already_refunded', executed: 'no' })
  })

  test('are given up while they are reserved', async () => {
    const payment = idOf(await create({ capture: 'manual' }))
    expect(await stripe.call('release_authorization', { payment })).toMatchObject({ status: 'canceled' })
    expect(await stripe.call('release_authorization', { payment })).toMatchObject({ status: 'canceled' })
    await expect(stripe.call('capture_payment', { payment })).rejects.toMatchObject({ kind: 'rejected', code: 'payment_intent_unexpected_state' })
  })

  test('that were captured are refunded instead of released, where that is wanted, and only once', async () => {
    const payment = idOf(await create())
    await expect(stripe.call('release_authorization', { payment })).rejects.toMatchObject({ kind: 'rejected', executed: 'no' })
    const wanted = { payment, refund_if_captured: true }
    expect(await stripe.call('release_authorization', wanted)).toMatchObject({ status: 'succeeded', refunded: 1050 })
    expect(await stripe.call('release_authorization', wanted)).toMatchObject({ refunded: 1050 })
    expect(await stripe.call('get_payment', { payment })).toMatchObject({ refunded: 1050 })
  })

  test('name the address where the customer confirms them', async () => {
    const asked = await create({ payment_method: 'pm_card_threeDSecure2Required', return_url: 'https://shop.example/back' })
    expect(asked).toMatchObject({ status: 'requires_action', action_url: expect.stringContaining('https://') as unknown })
    const waiting = { amount: 100, currency: 'usd' }
    expect(await stripe.call('create_payment', waiting)).toMatchObject({ status: 'requires_action' })
  })

  test('are undone by what the definition makes of them', async () => {
    const output = await create()
    const undo = stripe.operations['create_payment']?.undo
    await stripe.call('refund', undo?.['refund']?.({ input: charge, output }) ?? null)
    expect(await stripe.call('get_payment', { payment: idOf(output) })).toMatchObject({ refunded: 1050 })
    await stripe.call('release_authorization', undo?.['release_authorization']?.({ input: charge, output }) ?? null)
    expect(await stripe.call('get_payment', { payment: idOf(output) })).toMatchObject({ refunded: 1050 })
  })

  test('are undone by a refund whatever they have come to: reserved, captured, given back in part or as a whole, given up', async () => {
    const undo = (output: unknown): unknown => stripe.operations['create_payment']?.undo?.['refund']?.({ input: charge, output: output as never })
    const reserved = await create({ capture: 'manual' })
    const nothing = { status: 'succeeded', amount: 0, currency: 'eur' }
    expect(await stripe.call('refund', undo(reserved) as never)).toMatchObject({ payment: idOf(reserved), ...nothing })
    expect(await stripe.call('get_payment', { payment: idOf(reserved) })).toMatchObject({ status: 'canceled' })
    expect(await stripe.call('refund', undo(reserved) as never)).toMatchObject(nothing)

    const captured = await create()
    await stripe.call('refund', { payment: idOf(captured), amount: 50 })
    server.script('none', 'lost_answer')
    await expect(stripe.call('refund', undo(captured) as never, { key: 'u' })).rejects.toMatchObject({ executed: 'unknown' })
    expect(await stripe.call('refund', undo(captured) as never, { key: 'u' })).toMatchObject({ amount: 1000 })
    expect(await stripe.call('refund', undo(captured) as never)).toMatchObject(nothing)
    expect(await stripe.call('get_payment', { payment: idOf(captured) })).toMatchObject({ refunded: 1050 })
  })

  test.each([
    ['isk', 500, 50_000],
    ['jpy', 500, 500],
    ['mga', 500, 5],
    ['kwd', 5000, 5000],
  ])('in %s are counted as Stripe counts them', async (currency, amount, atStripe) => {
    const made = await create({ currency, amount })
    expect(server.payments()[0]?.amount).toBe(atStripe)
    expect(made).toMatchObject({ amount, captured: amount })
    expect(await stripe.call('refund', { payment: idOf(made), amount })).toMatchObject({ amount })
  })

  test('that Stripe cannot express are not sent', async () => {
    await expect(create({ currency: 'mga', amount: 501 })).rejects.toMatchObject({ kind: 'invalid_request', executed: 'no' })
    expect(server.requests).toEqual([])
  })
})

describe('repetitions with one key', () => {
  test('charge once, after a lost answer too', async () => {
    server.script('lost_answer')
    await expect(create({}, { key: 'k' })).rejects.toMatchObject({ kind: 'network_error', executed: 'unknown' })
    expect(await create({}, { key: 'k', attempt: 2 })).toMatchObject({ status: 'succeeded' })
    expect(server.charges().get('order-7')).toBe(1)
  })

  test('of a capture and of a refund have one effect', async () => {
    const payment = idOf(await create({ capture: 'manual' }))
    server.script('lost_answer')
    await expect(stripe.call('capture_payment', { payment }, { key: 'c' })).rejects.toMatchObject({ executed: 'unknown' })
    expect(await stripe.call('capture_payment', { payment }, { key: 'c' })).toMatchObject({ status: 'succeeded' })
    expect(await stripe.call('capture_payment', { payment }, { key: 'another' })).toMatchObject({ status: 'succeeded' })
    server.script('lost_answer')
    await expect(stripe.call('refund', { payment }, { key: 'r' })).rejects.toMatchObject({ executed: 'unknown' })
    expect(await stripe.call('refund', { payment }, { key: 'r' })).toMatchObject({ amount: 1050 })
  })

  test('with other parameters are a conflict whose outcome is unknown', async () => {
    await create({}, { key: 'k' })
    await expect(create({ amount: 1 }, { key: 'k' })).rejects.toMatchObject({ kind: 'key_conflict', executed: 'unknown' })
  })

  test('while the first is worked on are told so', async () => {
    server.script('slow')
    const first = create({}, { key: 'k' })
    await until('the first call has come', () => server.requests.length === 1)
    await expect(create({}, { key: 'k' })).rejects.toMatchObject({ kind: 'in_progress', executed: 'unknown', status: 409 })
    expect(await first).toMatchObject({ status: 'succeeded' })
  })
})

describe('failures', () => {
  test.each([
    ['rate_limited', { kind: 'rate_limited', executed: 'no', status: 429, retryAfterMs: 1000 }],
    ['unavailable', { kind: 'service_down', executed: 'no', status: 503 }],
    ['error_early', { kind: 'provider_error', executed: 'unknown', status: 500, code: 'api_error' }],
    ['error_after', { kind: 'provider_error', executed: 'unknown', status: 500 }],
    ['conflict', { kind: 'in_progress', executed: 'unknown', status: 409 }],
    ['lost_request', { kind: 'network_error', executed: 'unknown' }],
    ['malformed', { kind: 'invalid_response', executed: 'unknown' }],
    ['wrong_shape', { kind: 'invalid_response', executed: 'unknown' }],
  ] as const)('%s is read as what it is', async (fault, failure) => {
    server.script(fault)
    await expect(create()).rejects.toMatchObject({ name: 'ProviderFailure', ...failure })
  })

  test.each([
    ['rate_limited', 'rate_limited'],
    ['error_early', 'provider_error'],
    ['lost_answer', 'network_error'],
    ['malformed', 'invalid_response'],
  ] as const)('%s of a call that only reads has no effect', async (fault, kind) => {
    const payment = idOf(await create())
    server.script(fault)
    const failed = stripe.call('get_payment', { payment })
    if (kind === 'invalid_response') await expect(failed).rejects.toMatchObject({ kind })
    else await expect(failed).rejects.toMatchObject({ kind, executed: 'no' })
  })

  test('a declined card is a refusal, without the words of Stripe', async () => {
    const declined = create({ payment_method: 'pm_card_chargeDeclinedInsufficientFunds' })
    await expect(declined).rejects.toMatchObject({
      kind: 'rejected',
      executed: 'no',
      status: 402,
      code: 'card_declined',
      message: 'Stripe answered 402 (card_declined, insufficient_funds)',
    })
  })

  test('a payment that there is not, and a card that there is not', async () => {
    await expect(stripe.call('get_payment', { payment: 'pi_none' })).rejects.toMatchObject({ kind: 'not_found', code: 'resource_missing' })
    await expect(create({ payment_method: 'card-4242' })).rejects.toMatchObject({ kind: 'invalid_request', executed: 'no' })
  })

  test('a refused connection had no effect', async () => {
    await server.down()
    await expect(create()).rejects.toMatchObject({ kind: 'network_error', executed: 'no' })
  })

  test('an attempt that nobody waits for any more ends', async () => {
    server.script('frozen')
    const abort = new AbortController()
    void until('the call has come', () => server.requests.length === 1).then(() => abort.abort())
    await expect(create({}, { signal: abort.signal })).rejects.toMatchObject({ kind: 'timeout', executed: 'unknown' })
  })

  test('missing credentials are named, and the key is not', async () => {
    const nobody = await adapterUnderTest(adapter, { baseUrl: server.url, auth: { type: 'none' } })
    await expect(nobody.call('create_payment', charge)).rejects.toMatchObject({ kind: 'unauthorized', executed: 'no', status: 401 })
    await nobody.close()
  })
})

describe('asking after an intent', () => {
  const options = (): CallOptions => ({ key: 'hg_lost', firstAttemptAtMs: nowMs })
  const later = (): void => {
    nowMs += 120_000
  }

  test('finds a payment whose answer was lost, behind many others', async () => {
    const asked = options()
    server.script('lost_answer')
    await expect(create({}, asked)).rejects.toMatchObject({ executed: 'unknown' })
    await Promise.all(Array.from({ length: 120 }, () => create()))
    expect(await stripe.lookup('create_payment', charge, asked)).toMatchObject({ found: 'done', output: { status: 'succeeded' } })
  })

  test.each([
    ['in the seconds after the first attempt', 0, 0],
    ['by a search once it can be there', 40, 120_000],
  ])('finds a payment of an account that has hundreds more each second, %s', async (_where, madeAfterS, askedAfterMs) => {
    const perSecond = 500
    const firstS = Math.floor(nowMs / 1000)
    const wantedId = `pi_${firstS + madeAfterS}_0`
    const wanted = { id: wantedId, object: 'payment_intent', status: 'succeeded', amount: 1050, amount_received: 1050, currency: 'eur' }
    // Newest first, as Stripe lists them: a list without an end, in which the wanted one is the first of its second.
    const busy = createServer((req, res) => {
      const { searchParams, pathname } = new URL(req.url ?? '', 'http://stripe')
      if (pathname.endsWith('/search')) {
        const data = searchParams.get('query') === 'metadata["headgate_key"]:"hg_lost"' ? [{ ...wanted, metadata: { headgate_key: 'hg_lost' } }] : []
        res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ object: 'search_result', data, has_more: false }))
        return
      }
      const from = Number(searchParams.get('created[gte]') ?? 0)
      const to = Math.min(Number(searchParams.get('created[lte]') ?? firstS + 60), firstS + 60)
      const after = searchParams.get('starting_after')
      const [atS = to, atN = perSecond] = after?.split('_').slice(1).map(Number) ?? []
      const data = Array.from({ length: 100 }, (_, index) => {
        const place = (atS - from) * perSecond + atN - 1 - index
        return { id: `pi_${from + Math.floor(place / perSecond)}_${place % perSecond}`, place }
      })
        .filter(({ place }) => place >= 0)
        .map(({ id }) => ({ ...wanted, id, metadata: { headgate_key: id === wantedId ? 'hg_lost' : id } }))
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ object: 'list', data, has_more: data.length === 100 }))
    })
    await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve))
    const other = await open(`http://127.0.0.1:${(busy.address() as AddressInfo).port}`, () => nowMs)
    const asked = options()
    nowMs += askedAfterMs
    expect(await other.lookup('create_payment', charge, asked)).toMatchObject({ found: 'done', output: { id: wantedId } })
    await other.close()
    busy.close()
  })

  test('finds what a stored 500 hides, and what a decline left', async () => {
    server.script('error_after')
    await expect(create({}, options())).rejects.toMatchObject({ kind: 'provider_error' })
    expect(await stripe.lookup('create_payment', charge, options())).toMatchObject({ found: 'done' })
    const declined = { ...charge, payment_method: 'pm_card_chargeDeclined' }
    await expect(create(declined, { ...options(), key: 'hg_declined' })).rejects.toMatchObject({ kind: 'rejected' })
    expect(await stripe.lookup('create_payment', declined, { ...options(), key: 'hg_declined' })).toMatchObject({
      found: 'failed',
      failure: { kind: 'rejected', code: 'card_declined' },
    })
  })

  test('does not take a payment or refund of an earlier use of the key for one of this intent', async () => {
    const payment = idOf(await create({}, { key: 'hg_lost' }))
    await stripe.call('refund', { payment, amount: 50 }, { key: 'hg_lost_too' })
    nowMs += 25 * 3_600_000
    const asked = options()
    later()
    expect(await stripe.lookup('create_payment', charge, asked)).toEqual({ found: 'absent' })
    expect(await stripe.lookup('refund', { payment, amount: 50 }, { ...asked, key: 'hg_lost_too' })).toEqual({ found: 'absent' })
  })

  test('does not take a payment of another amount for the one that was asked for', async () => {
    await create({}, options())
    expect(await stripe.lookup('create_payment', { ...charge, amount: 2000 }, options())).toEqual({ found: 'unknown' })
    expect(await stripe.lookup('create_payment', { ...charge, currency: 'usd' }, options())).toEqual({ found: 'unknown' })
  })

  test('says that nothing has happened only when nothing can be under way any more', async () => {
    const asked = options()
    server.script('lost_request')
    await expect(create({}, asked)).rejects.toMatchObject({ executed: 'unknown' })
    expect(await stripe.lookup('create_payment', charge, asked)).toEqual({ found: 'unknown' })
    later()
    expect(await stripe.lookup('create_payment', charge, asked)).toEqual({ found: 'absent' })
  })

  test('finds captures, refunds and releases', async () => {
    const payment = idOf(await create({ capture: 'manual' }))
    const asked = options()
    later()
    expect(await stripe.lookup('capture_payment', { payment }, asked)).toEqual({ found: 'absent' })
    await stripe.call('capture_payment', { payment }, asked)
    expect(await stripe.lookup('capture_payment', { payment }, asked)).toMatchObject({ found: 'done', output: { captured: 1050 } })
    expect(await stripe.lookup('refund', { payment }, asked)).toEqual({ found: 'absent' })
    expect(await stripe.lookup('release_authorization', { payment }, asked)).toMatchObject({ found: 'failed' })
    const refunded = { ...asked, key: 'hg_refund' }
    await stripe.call('refund', { payment }, refunded)
    expect(await stripe.lookup('refund', { payment }, refunded)).toMatchObject({ found: 'done', output: { amount: 1050 } })
    const instead = { payment, refund_if_captured: true }
    expect(await stripe.lookup('release_authorization', instead, asked)).toMatchObject({ found: 'done', output: { refunded: 1050 } })
    const other = idOf(await create({ capture: 'manual' }))
    await stripe.call('release_authorization', { payment: other })
    expect(await stripe.lookup('release_authorization', { payment: other }, asked)).toMatchObject({ found: 'done' })
    expect(await stripe.lookup('capture_payment', { payment: other }, asked)).toMatchObject({ found: 'failed' })
  })

  test('fails when Stripe cannot answer', async () => {
    server.script('unavailable')
    await expect(stripe.lookup('create_payment', charge, options())).rejects.toMatchObject({ kind: 'service_down', executed: 'no' })
  })
})

test('the probe needs an answer and has no effect', async () => {
  const { signal } = new AbortController()
  await stripe.instance.probe?.({ signal })
  expect(server.requests.map(({ method }) => method)).toEqual(['GET'])
  await server.down()
  await expect(stripe.instance.probe?.({ signal })).rejects.toMatchObject({ kind: 'network_error' })
})

describe.skipIf(noStripeMock)(`Stripe's own stand-in takes every request${stripeMockNote}`, () => {
  test('create, capture, refund, release, get', async () => {
    const mock = await startStripeMock()
    const official = await open(mock.url)
    try {
      const wide = { ...charge, capture: 'manual', customer: 'cus_1', metadata: { a: 'b' }, return_url: 'https://shop.example/back' }
      // Whatever it is asked for, it answers with a payment that was declined; a request that it refuses has a status.
      await expect(official.call('create_payment', wide)).rejects.toMatchObject({ kind: 'rejected', status: undefined })
      const payment = 'pi_1'
      await official.call('capture_payment', { payment, amount: 100 })
      await official.call('refund', { payment, amount: 100, reason: 'requested_by_customer' })
      await official.call('release_authorization', { payment, refund_if_captured: true })
      await official.call('get_payment', { payment })
      await official.lookup('create_payment', wide)
      await official.lookup('refund', { payment })
    } finally {
      await official.close()
      await mock.stop()
    }
  })
})
