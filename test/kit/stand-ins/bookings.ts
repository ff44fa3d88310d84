import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A small API of somebody else: bookings with idempotency keys, a search, errors of its own kind. */
export interface BookingsServer {
  readonly url: string
  readonly bookings: ReadonlyMap<string, Booking>
  /** Requests as they came, oldest first. */
  readonly requests: readonly BookingRequest[]
  /** The next requests: `lose` books and breaks the connection, `drop` breaks it at once; a status is answered with `body`. */
  script(...answers: readonly Answer[]): void
  close(): Promise<void>
}

export interface Booking {
  readonly id: string
  readonly reference: string
  readonly seats: number
}

export interface BookingRequest {
  readonly request: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

type Answer = 'lose' | 'drop' | { readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }

export async function startBookings(): Promise<BookingsServer> {
  const bookings = new Map<string, Booking>()
  const byKey = new Map<string, Booking>()
  const requests: BookingRequest[] = []
  const answers: Answer[] = []

  const book = (key: string | undefined, body: string): Booking => {
    const known = key === undefined ? undefined : byKey.get(key)
    if (known !== undefined) return known
    const { reference, seats } = JSON.parse(body) as { reference: string; seats: number }
    const booking = { id: `b${bookings.size + 1}`, reference, seats }
    bookings.set(booking.id, booking)
    if (key !== undefined) byKey.set(key, booking)
    return booking
  }
  const answer = (request: IncomingMessage, body: string): { readonly status: number; readonly json: unknown } => {
    const url = new URL(request.url ?? '/', 'http://bookings')
    const [, , collection, id] = url.pathname.split('/')
    if (collection !== 'bookings') return { status: 404, json: { error: { code: 'no_such_path' } } }
    if (request.method === 'POST') return { status: 201, json: { booking: book(request.headers['booking-key']?.toString(), body) } }
    if (id === undefined) {
      const reference = url.searchParams.get('reference')
      return { status: 200, json: { results: [...bookings.values()].filter((one) => one.reference === reference) } }
    }
    const booking = bookings.get(decodeURIComponent(id))
    if (booking === undefined) return { status: 404, json: { error: { code: 'unknown_booking' } } }
    if (request.method === 'DELETE') bookings.delete(booking.id)
    return { status: 200, json: { booking } }
  }
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const body = Buffer.concat(pieces).toString()
      requests.push({ request: `${request.method} ${request.url}`, headers: request.headers, body })
      const scripted = answers.shift()
      if (scripted === 'drop') return void request.socket.destroy()
      if (typeof scripted === 'object')
        return void response.writeHead(scripted.status, { 'content-type': 'application/json', ...scripted.headers }).end(scripted.body ?? '{}')
      const { status, json } = answer(request, body)
      if (scripted === 'lose') return void request.socket.destroy()
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(json))
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    bookings,
    requests,
    script: (...next) => void answers.push(...next),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
