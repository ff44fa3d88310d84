import { afterEach, describe, expect, test } from 'vitest'
import { jsonServer } from './json-server.ts'
import type { JsonServer } from './json-server.ts'
import { eventService } from './event-service.ts'
import { orderService } from './order-service.ts'
import { paymentService } from './payment-service.ts'
import { userService } from './user-service.ts'

let server: JsonServer | undefined

const ask = async (
  path: string,
  body?: string,
  headers: Record<string, string> = {},
): Promise<{ readonly status: number; readonly body: unknown }> => {
  const response = await fetch(`http://127.0.0.1:${server?.port}${path}`, body === undefined ? {} : { method: 'POST', body, headers })
  return { status: response.status, body: await response.json() }
}

afterEach(() => server?.close())

describe('the example services', () => {
  test('list, show and take users', async () => {
    server = await jsonServer('user-service', userService(), 0)
    expect((await ask('/api/users/42')).body).toMatchObject({ id: '42' })
    expect(await ask('/api/users', '{"email":"new@example.com"}')).toMatchObject({ status: 201, body: { id: '4' } })
    expect((await ask('/api/users')).body).toHaveLength(4)
    expect((await ask('/api/users/99')).status).toBe(404)
  })

  test('refuse an order without a product, and a body that is not JSON', async () => {
    server = await jsonServer('order-service', orderService(), 0)
    expect((await ask('/api/orders', '{"user":"1"}')).status).toBe(422)
    expect((await ask('/api/orders', '{')).status).toBe(400)
  })

  test('charge each idempotency key once, whatever comes again', async () => {
    server = await jsonServer('payment-service', paymentService(), 0)
    const pay = (key: string): ReturnType<typeof ask> => ask('/payments', '{"order":"7","amount":"9.50"}', { 'idempotency-key': key })
    expect(await pay('a')).toMatchObject({ status: 201, body: { id: 'pay-1', order: '7' } })
    expect(await pay('a')).toMatchObject({ status: 200, body: { id: 'pay-1' } })
    expect(await pay('b')).toMatchObject({ status: 201, body: { id: 'pay-2' } })
    expect((await ask('/payments')).body).toHaveLength(2)
    expect((await ask('/payments', '{"order":"7"}', { 'idempotency-key': 'c' })).status).toBe(422)
    expect((await ask('/payments', '{}')).status).toBe(400)
  })

  test('take each event once', async () => {
    server = await jsonServer('inventory-service', eventService(), 0)
    const event = { 'ce-id': '1', 'ce-type': 'OrderCreated', 'ce-source': 'order-service' }
    expect((await ask('/events', '{"orderId":"7"}', event)).status).toBe(202)
    expect((await ask('/events', '{"orderId":"7"}', event)).status).toBe(202)
    expect((await ask('/events')).body).toEqual([{ id: '1', type: 'OrderCreated', source: 'order-service', data: { orderId: '7' } }])
    expect((await ask('/events', '{}')).status).toBe(400)
  })

  test('misbehave on request and heal again, health excepted', async () => {
    server = await jsonServer('user-service', userService(), 0)
    await ask('/chaos', '{"mode":"half"}')
    expect([(await ask('/api/users/1')).status, (await ask('/api/users/1')).status]).toEqual([503, 200])
    await ask('/chaos', '{"mode":"reset"}')
    await expect(ask('/api/users/1')).rejects.toThrow('fetch failed')
    expect((await ask('/health')).status).toBe(200)
    await ask('/chaos', '{"mode":"ok"}')
    expect((await ask('/api/users/1')).status).toBe(200)
    expect((await ask('/chaos', '{"mode":"odd"}')).status).toBe(400)
  })
})
