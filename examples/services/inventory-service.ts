import { countOf, idIn, textOf } from './collection.ts'
import { eventService } from './event-service.ts'
import type { Api, Reply } from './json-server.ts'

interface Goods {
  readonly left: number
  /** In cents. */
  readonly price: number
}

interface Reservation {
  readonly product: string
  readonly quantity: number
  /** What they cost, in cents. */
  readonly amount: number
}

/**
 * Goods on the shelf: `PUT /reservations/ID` takes them under an id that the caller chooses and says what they cost, `DELETE` puts them back; both
 * may be repeated. `GET /stock` counts what is left. Takes events as well.
 */
export const inventoryService = (first: Readonly<Record<string, Goods>> = { tea: { left: 5, price: 950 }, towel: { left: 3, price: 1299 } }): Api => {
  const stock = new Map(Object.entries(first))
  const reservations = new Map<string, Reservation>()
  const events = eventService()

  const reserve = (id: string, body: unknown): Reply => {
    const before = reservations.get(id)
    if (before !== undefined) return { status: 200, body: { id, ...before } }
    const [product, quantity] = [textOf(body, 'product'), countOf(body, 'quantity')]
    if (product === undefined || quantity === undefined) return { status: 422, body: { error: 'product and quantity are needed' } }
    const goods = stock.get(product)
    if (goods === undefined || goods.left < quantity) return { status: 409, body: { error: `there are ${goods?.left ?? 0} of ${product}` } }
    stock.set(product, { ...goods, left: goods.left - quantity })
    const reservation = { product, quantity, amount: goods.price * quantity }
    reservations.set(id, reservation)
    return { status: 200, body: { id, ...reservation } }
  }

  const release = (id: string): Reply => {
    const reservation = reservations.get(id)
    if (reservation === undefined) return { status: 404, body: { error: 'no such reservation' } }
    reservations.delete(id)
    const goods = stock.get(reservation.product)
    if (goods !== undefined) stock.set(reservation.product, { ...goods, left: goods.left + reservation.quantity })
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
