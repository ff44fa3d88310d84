import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askAt, shownAt, startStory } from '../../test/kit/story.ts'
import type { Story, Told } from '../../test/kit/story.ts'
import { until } from '../../test/kit/until.ts'
import { inventoryService } from '../services/inventory-service.ts'
import { jsonServer } from '../services/json-server.ts'
import type { JsonServer } from '../services/json-server.ts'
import { orderService } from '../services/order-service.ts'
import { paymentProvider } from '../services/payment-provider.ts'
import type { PaymentProvider } from '../services/payment-provider.ts'

let orders: JsonServer
let inventory: JsonServer
let payments: PaymentProvider
let story: Story

beforeAll(async () => {
  orders = await jsonServer('order-service', orderService(), 0)
  inventory = await jsonServer('inventory-service', inventoryService({ tea: { left: 10, price: 950 } }), 0)
  payments = await paymentProvider({ slowMs: 1000 })
  story = await startStory('order-placement', [
    { variable: 'ORDER_SERVICE_PORT', port: orders.port },
    { variable: 'INVENTORY_SERVICE_PORT', port: inventory.port },
    { variable: 'PAYMENT_PROVIDER_PORT', port: payments.port },
  ])
})
afterAll(async () => {
  await story.close()
  await Promise.all([orders.close(), inventory.close(), payments.close()])
})

interface Order {
  readonly id: string
  readonly status: string
}

let keys = 0
const place = (order: object, headers: Record<string, string> = {}): Promise<Told> =>
  story.ask('/api/orders', { user: '42', product: 'tea', card: 'pm_card_visa', ...order }, { 'idempotency-key': `order-${(keys += 1)}`, ...headers })

const teaLeft = async (): Promise<number> => ((await shownAt(inventory.port, '/stock')) as { tea: { left: number } }).tea.left
const lastOrder = async (): Promise<Order | undefined> => ((await shownAt(orders.port, '/api/orders')) as Order[]).at(-1)
const paid = (id: string): readonly string[] =>
  payments.payments().flatMap(({ metadata, status }) => (metadata['headgate_reference'] === id ? [status] : []))
const refunds = (): number => payments.requests.filter(({ method, path }) => method === 'POST' && path === '/v1/refunds').length

describe('order placement', () => {
  test('reserves, charges what the goods cost, and confirms', async () => {
    const before = await teaLeft()
    const answer = await place({ quantity: 2 })
    expect(answer).toMatchObject({ status: 201, body: { status: 'confirmed' } })
    const { id } = answer.body as Order
    expect(await story.ask(answer.headers.get('location') ?? '')).toMatchObject({ status: 200, body: { id, status: 'confirmed', product: 'tea' } })
    expect(await teaLeft()).toBe(before - 2)
    expect(payments.payments().at(-1)).toMatchObject({ amount: 1900, status: 'succeeded', metadata: { headgate_reference: id } })
  })

  test('is one order, however often the button is pressed', async () => {
    const before = await teaLeft()
    const press = (): Promise<Told> => place({}, { 'idempotency-key': 'button' })
    const [first, second] = await Promise.all([press(), press()])
    expect(second.body).toEqual(first.body)
    expect(await teaLeft()).toBe(before - 1)
    expect(paid((first.body as Order).id)).toEqual(['succeeded'])
  })

  test('releases the reservation and cancels the order when the card is declined', async () => {
    const before = await teaLeft()
    const answer = await place({ card: 'pm_card_chargeDeclined' })
    expect(answer).toMatchObject({
      status: 422,
      body: { code: 'FLOW_COMPENSATED', failure: 'rejected', provider_code: 'card_declined' },
    })
    expect(await lastOrder()).toMatchObject({ status: 'cancelled' })
    expect(await teaLeft()).toBe(before)
    expect(await shownAt(inventory.port, '/reservations')).not.toContainEqual(expect.objectContaining({ id: (await lastOrder())?.id }))
    expect((await story.ask((answer.body as { status_url: string }).status_url)).body).toMatchObject({
      status: 'compensated',
      steps: [
        { name: 'order', status: 'undone' },
        { name: 'reserve', status: 'undone' },
        { name: 'charge', status: 'failed' },
        { name: 'confirm', status: 'waiting' },
      ],
    })
  })

  test('cancels the order and asks nobody for money when the goods are sold out', async () => {
    const asked = payments.requests.length
    expect(await place({ quantity: 100 })).toMatchObject({ status: 422, body: { code: 'FLOW_COMPENSATED', failure: 'rejected' } })
    expect(await lastOrder()).toMatchObject({ status: 'cancelled' })
    expect(payments.requests.length).toBe(asked)
  })

  test('refunds what was charged when the customer cancels meanwhile', async () => {
    const [left, refunded] = [await teaLeft(), refunds()]
    payments.script('slow')
    const asked = payments.requests.length
    const answer = place({})
    await until('the payment is under way', () => payments.requests.length > asked)
    const { id } = (await lastOrder()) ?? { id: '' }
    expect((await askAt(`http://127.0.0.1:${orders.port}/api/orders/${id}/cancel`, {})).status).toBe(200)
    expect(await answer).toMatchObject({ status: 422, body: { code: 'FLOW_COMPENSATED', failure: 'rejected' } })
    expect(paid(id)).toEqual(['succeeded'])
    expect(refunds()).toBe(refunded + 1)
    expect(await teaLeft()).toBe(left)
    expect(await lastOrder()).toMatchObject({ id, status: 'cancelled' })
  })

  test('charges once although the answers of the provider get lost', async () => {
    payments.script('lost_answer', 'lost_answer')
    const answer = await place({}, { prefer: 'wait=30' })
    expect(answer).toMatchObject({ status: 201, body: { status: 'confirmed' } })
    expect(paid((answer.body as Order).id)).toEqual(['succeeded'])
  }, 40_000)

  test('waits while the provider is away, and confirms when it is back', async () => {
    await payments.down()
    const answer = await place({}, { prefer: 'respond-async' })
    expect(answer).toMatchObject({ status: 202, body: { message: 'Your order is being placed...' } })
    const location = answer.headers.get('location') ?? ''
    await until('the payment was tried', async () => JSON.stringify((await story.ask(location)).body).includes('network_error'))
    await payments.up()
    expect((await story.ask(location, undefined, { prefer: 'wait=30' })).body).toMatchObject({
      status: 'completed',
      result: { body: { status: 'confirmed' } },
    })
  }, 40_000)

  test('is confirmed and charged once although the gateway is killed in the middle of the payment', async () => {
    const before = await teaLeft()
    const asked = payments.requests.length
    payments.script('slow')
    const answer = await place({}, { prefer: 'respond-async' })
    await until('the payment is under way', () => payments.requests.length > asked)
    await story.crash()
    const status = await story.ask(answer.headers.get('location') ?? '', undefined, { prefer: 'wait=60' })
    expect(status.body).toMatchObject({ status: 'completed', result: { body: { status: 'confirmed' } } })
    expect(paid((status.body as { readonly result: { readonly body: Order } }).result.body.id)).toEqual(['succeeded'])
    expect(await teaLeft()).toBe(before - 1)
  }, 90_000)
})
