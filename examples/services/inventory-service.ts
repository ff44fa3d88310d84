import { countOf, idIn, textOf } from './collection.ts'
import { eventService } from './event-service.ts'
import type { Api, Reply } from './json-server.ts'

interface Reservation {
  readonly product: string
  readonly quantity: number
}

/**
 * Goods on the shelf: `PUT /reservations/ID` takes them under an id that the caller chooses, `DELETE` puts them back; both may be repeated.
 * `GET /stock` counts what is left. Takes events as well.
 */
export const inventoryService = (first: Readonly<Record<string, number>> = { tea: 5, towel: 3 }): Api => {
  const stock = new Map(Object.entries(first))
  const reservations = new Map<string, Reservation>()
  const events = eventService()

  const reserve = (id: string, body: unknown): Reply => {
    const before = reservations.get(id)
    if (before !== undefined) return { status: 200, body: { id, ...before } }
    const [product, quantity] = [textOf(body, 'product'), countOf(body, 'quantity')]
    if (product === undefined || quantity === undefined) return { status: 422, body: { error: 'product and quantity are needed' } }
    const left = stock.get(product) ?? 0
    if (left < quantity) return { status: 409, body: { error: `there are ${left} of ${product}` } }
    stock.set(product, left - quantity)
    reservations.set(id, { product, quantity })
    return { status: 200, body: { id, product, quantity } }
  }

  const release = (id: string): Reply => {
    const reservation = reservations.get(id)
    if (reservation === undefined) return { status: 404, body: { error: 'no such reservation' } }
    reservations.delete(id)
    stock.set(reservation.product, (stock.get(reservation.product) ?? 0) + reservation.quantity)
    return { status: 200, body: { id } }
  }

  return (method, path, body, headers) => {
    if (method === 'GET' && path === '/stock') return { status: 200, body: Object.fromEntries(stock) }
    if (method === 'GET' && path === '/reservations') return { status: 200, body: [...reservations].map(([id, one]) => ({ id, ...one })) }
    const id = idIn(path, '/reservations')
    if (id !== undefined && method === 'PUT') return reserve(id, body)
    if (id !== undefined && method === 'DELETE') return release(id)
    return events(method, path, body, headers)
  }
}
