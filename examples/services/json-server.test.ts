import { afterEach, describe, expect, test } from 'vitest'
import { jsonServer } from './json-server.ts'
import type { JsonServer } from './json-server.ts'
import { eventService } from './event-service.ts'
import { inventoryService } from './inventory-service.ts'
import { mailProvider } from './mail-provider.ts'
import { orderService } from './order-service.ts'
import { userService } from './user-service.ts'

let server: JsonServer | undefined

const ask = async (
  path: string,
  body?: string,
  headers: Record<string, string> = {},
  method = 'POST',
): Promise<{ readonly status: number; readonly body: unknown }> => {
  const response = await fetch(`http://127.0.0.1:${server?.port}${path}`, body === undefined ? {} : { method, body, headers })
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

  test('make, keep and take back users under an id of the caller, and give no address twice', async () => {
    server = await jsonServer('user-service', userService(), 0)
    const user = '{"email":"new@example.com"}'
    expect(await ask('/api/users/u1', user, {}, 'PUT')).toMatchObject({ status: 200, body: { id: 'u1' } })
    expect(await ask('/api/users/u1', user, {}, 'PUT')).toMatchObject({ status: 200, body: { id: 'u1' } })
    expect((await ask('/api/users/u2', user, {}, 'PUT')).status).toBe(409)
    expect((await ask('/api/users/u1', '', {}, 'DELETE')).status).toBe(200)
    expect((await ask('/api/users/u1', '', {}, 'DELETE')).status).toBe(404)
  })

  test('give a token for a password that counts once and for a while', async () => {
    let nowMs = 0
    server = await jsonServer('user-service', userService({ tokenTtlMs: 1000, now: () => nowMs }), 0)
    const token = async (id: string, email: string): Promise<string | null> =>
      ((await ask(`/password-tokens/${id}`, JSON.stringify({ email }), {}, 'PUT')).body as { token: string | null }).token
    const use = async (text: string | null): Promise<number> =>
      (await ask('/passwords', JSON.stringify({ token: text, password: 'correct horse' }))).status
    const first = await token('a', 'ada@example.com')
    expect(await token('a', 'ada@example.com')).toBe(first)
    expect([await use(first), await use(first)]).toEqual([200, 410])
    const second = await token('b', 'ada@example.com')
    nowMs = 1000
    expect(await use(second)).toBe(410)
    expect(await token('c', 'nobody@example.com')).toBeNull()
  })

  test('move orders on, and never back', async () => {
    server = await jsonServer('order-service', orderService(), 0)
    const order = '{"user":"42","product":"tea"}'
    expect(await ask('/api/orders/o1', order, {}, 'PUT')).toMatchObject({ status: 200, body: { status: 'placed' } })
    expect(await ask('/api/orders/o1/confirm', '')).toMatchObject({ status: 200, body: { status: 'confirmed' } })
    expect(await ask('/api/orders/o1/cancel', '')).toMatchObject({ status: 200, body: { status: 'cancelled' } })
    expect((await ask('/api/orders/o1/confirm', '')).status).toBe(409)
    // Cancelled before it has come.
    expect((await ask('/api/orders/o2/cancel', '')).status).toBe(200)
    expect((await ask('/api/orders/o2', order, {}, 'PUT')).status).toBe(409)
  })

  test('reserve goods once, and put them back once', async () => {
    server = await jsonServer('inventory-service', inventoryService({ tea: { left: 2, price: 950 } }), 0)
    const reserve = (id: string, quantity: number): ReturnType<typeof ask> =>
      ask(`/reservations/${id}`, JSON.stringify({ product: 'tea', quantity }), {}, 'PUT')
    expect([(await reserve('a', 2)).status, (await reserve('a', 2)).status, (await reserve('b', 1)).status]).toEqual([200, 200, 409])
    expect((await ask('/reservations/a', '', {}, 'DELETE')).status).toBe(200)
    expect((await ask('/reservations/a', '', {}, 'DELETE')).status).toBe(404)
    expect((await ask('/stock')).body).toEqual({ tea: { left: 2, price: 950 } })
  })

  test('take mails as SendGrid and as SES do, but not for those who are blocked, and not from strangers', async () => {
    server = await jsonServer('mail-provider', mailProvider(), 0)
    const sendgrid = (to: string): string =>
      JSON.stringify({
        personalizations: [{ to: [{ email: to }], subject: 'Hi', headers: { 'X-Headgate-Key': 'k' } }],
        content: [{ type: 'text/plain', value: 'Hello' }],
      })
    const bearer = { authorization: 'Bearer SG.example' }
    expect((await ask('/v3/mail/send', sendgrid('ada@example.com'), bearer)).status).toBe(202)
    expect((await ask('/v3/mail/send', sendgrid('ada@blocked.example'), bearer)).status).toBe(400)
    expect((await ask('/v3/mail/send', sendgrid('ada@example.com'))).status).toBe(401)
    const simple = { Subject: { Data: 'Hi' }, Body: { Text: { Data: 'Hello' } }, Headers: [{ Name: 'X-Headgate-Key', Value: 'k' }] }
    const ses = JSON.stringify({ Destination: { ToAddresses: ['ada@example.com'] }, Content: { Simple: simple } })
    expect((await ask('/v2/email/outbound-emails', ses, { authorization: 'AWS4-HMAC-SHA256 Credential=x' })).status).toBe(200)
    const mail = { key: 'k', to: 'ada@example.com', subject: 'Hi', text: 'Hello' }
    expect((await ask('/mails')).body).toEqual([mail, mail])
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
