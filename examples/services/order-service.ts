import { byId, collection, idIn, textOf } from './collection.ts'
import type { Api, Reply } from './json-server.ts'

interface Order {
  readonly id: string
  readonly user: string
  readonly product: string
  readonly status: 'placed' | 'confirmed' | 'cancelled' | 'shipped'
}

/**
 * The order service of the design document. `PUT /api/orders/ID` places an order under an id that the caller chooses, `POST` on its `/confirm` and
 * `/cancel` move it on; each may be repeated. What is cancelled before it has come stays cancelled.
 */
export const orderService = (): Api => {
  const orders = byId<Order>([
    { id: '1', user: '42', product: 'towel', status: 'shipped' },
    { id: '2', user: '1', product: 'analytical engine', status: 'placed' },
  ])

  const made = (id: string, body: unknown): Order | string => {
    const user = textOf(body, 'user')
    const product = textOf(body, 'product')
    return user === undefined || product === undefined ? 'user and product are needed' : { id, user, product, status: 'placed' }
  }

  const put = (id: string, body: unknown): Reply => {
    const known = orders.get(id)
    if (known?.status === 'cancelled') return { status: 409, body: { error: 'the order is cancelled' } }
    const order = known ?? made(id, body)
    if (typeof order === 'string') return { status: 422, body: { error: order } }
    orders.set(id, order)
    return { status: 200, body: order }
  }

  const move = (id: string, status: 'confirmed' | 'cancelled'): Reply => {
    const known = orders.get(id)
    if (known === undefined && status === 'confirmed') return { status: 404, body: { error: 'no such order' } }
    if (known?.status === 'shipped' || (known?.status === 'cancelled' && status === 'confirmed')) {
      return { status: 409, body: { error: `the order is ${known.status}` } }
    }
    const order: Order = { ...(known ?? { id, user: '', product: '' }), status }
    orders.set(id, order)
    return { status: 200, body: order }
  }

  const listed = collection('/api/orders', orders, made)
  return (method, path, body, headers) => {
    const id = idIn(path, '/api/orders')
    if (id !== undefined && method === 'PUT') return put(id, body)
    const [, moved, what] = method === 'POST' ? (/^\/api\/orders\/([^/]+)\/(confirm|cancel)$/.exec(path) ?? []) : []
    if (moved !== undefined) return move(moved, what === 'confirm' ? 'confirmed' : 'cancelled')
    return listed(method, path, body, headers)
  }
}
