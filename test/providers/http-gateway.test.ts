import { createHmac } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startGateway } from '../kit/gateway.ts'
import type { TestGateway } from '../kit/gateway.ts'
import { startBookings } from '../kit/stand-ins/bookings.ts'
import type { BookingsServer } from '../kit/stand-ins/bookings.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

const yaml = (url: string, events: string): string => `
brokers: { default: { type: embedded } }
services:
  orders: { urls: ["${events}"] }
events:
  BookingMade: { subscribers: { orders: { service: orders, path: /events } } }
integrations:
  bookings:
    plugin: http
    base_url: ${url}
    retry: { base_delay: 1ms, max_delay: 5ms }
    reconcile: { base_delay: 50ms, max_delay: 100ms }
    settings:
      webhook:
        secret: a-secret-of-the-tests-only
        header: X-Signature
        events: { booking.made: BookingMade }
    operations:
      book:
        settings:
          method: POST
          path: /bookings
          idempotency_header: Booking-Key
          body: { reference: "{{ key }}", seats: "{{ input.seats }}" }
          output: "{{ body.booking }}"
      charge:
        settings:
          method: POST
          path: /bookings
          body: { reference: "{{ key }}", seats: "{{ input.seats }}" }
          output: "{{ body.booking }}"
          lookup: { path: /bookings, query: { reference: "{{ key }}" }, found: size(body.results) > 0, output: "{{ body.results[0] }}" }
      get:
        settings: { method: GET, path: "/bookings/{{ input.id }}", output: "{{ body.booking }}" }
routing_rules:
  - { path: /book, methods: [POST], integration: bookings.book }
  - { path: /charge, methods: [POST], integration: bookings.charge }
  - { path: "/bookings/{id}", methods: [GET], integration: bookings.get, request: { id: "{{ params.id }}" } }
  - { path: /hooks, methods: [POST], webhook: bookings }
`

let server: BookingsServer
let subscriber: Awaited<ReturnType<typeof startUpstream>>
let gateway: TestGateway

beforeEach(async () => {
  server = await startBookings()
  subscriber = await startUpstream((_request, response) => void response.writeHead(204).end())
  gateway = await startGateway(yaml(server.url, subscriber.url))
})
afterEach(async () => {
  await gateway.close()
  await subscriber.close()
  await server.close()
})

const post = async (path: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<{ status: number; body: unknown }> => {
  const all = { 'content-type': 'application/json', 'idempotency-key': 'order-1', ...headers }
  const answer = await fetch(`${gateway.url}${path}`, { method: 'POST', headers: all, body: JSON.stringify(body) })
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
}

test('a lost answer is asked for again with the same key, and a repetition by the caller is replayed', async () => {
  server.script('lose')
  const first = await post('/book', { seats: 2 })
  expect(first).toMatchObject({ status: 200, body: { id: 'b1', seats: 2 } })
  expect(new Set(server.requests.map(({ headers }) => headers['booking-key'])).size).toBe(1)
  expect(server.requests).toHaveLength(2)
  expect(await post('/book', { seats: 2 })).toEqual(first)
  expect(server.requests).toHaveLength(2)
  expect(server.bookings.size).toBe(1)
  const read = await fetch(`${gateway.url}/bookings/b1`)
  expect({ status: read.status, body: await read.json() }).toEqual({ status: 200, body: (first as { body: unknown }).body })
})

test('without a key at the API nothing is sent twice: what became of it is asked', async () => {
  server.script('lose')
  const first = await post('/charge', { seats: 2 })
  expect(first.status).toBe(202)
  const { status_url: statusUrl } = first.body as { status_url: string }
  await until('the booking was found', async () => {
    const status = (await (await fetch(`${gateway.url}${statusUrl}`)).json()) as { status: string }
    return status.status === 'completed'
  })
  expect(server.requests.filter(({ request }) => request.startsWith('POST'))).toHaveLength(1)
  expect(server.bookings.size).toBe(1)
})

test('a signed webhook is published once, a forged one never', async () => {
  const event = { id: 'e1', type: 'booking.made', seats: 2 }
  const signature = createHmac('sha256', 'a-secret-of-the-tests-only').update(JSON.stringify(event)).digest('hex')
  expect((await post('/hooks', event, { 'x-signature': signature.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) })).status).toBe(400)
  expect((await post('/hooks', event, { 'x-signature': signature })).status).toBe(200)
  expect((await post('/hooks', event, { 'x-signature': signature })).status).toBe(200)
  const next = { ...event, id: 'e2' }
  const other = createHmac('sha256', 'a-secret-of-the-tests-only').update(JSON.stringify(next)).digest('hex')
  expect((await post('/hooks', next, { 'x-signature': other })).status).toBe(200)
  await until('both events have arrived', () => subscriber.seen.length >= 2)
  expect(subscriber.seen.map(({ body }) => JSON.parse(body) as unknown)).toEqual([event, next])
})
