import { collection, textOf } from './collection.ts'
import type { Api } from './json-server.ts'

interface Order {
  readonly id: string
  readonly user: string
  readonly product: string
  readonly status: 'placed' | 'shipped'
}

/** The order service of the design document. */
export const orderService = (): Api =>
  collection<Order>(
    '/api/orders',
    [
      { id: '1', user: '42', product: 'towel', status: 'shipped' },
      { id: '2', user: '1', product: 'analytical engine', status: 'placed' },
    ],
    (id, body) => {
      const user = textOf(body, 'user')
      const product = textOf(body, 'product')
      return user === undefined || product === undefined ? 'user and product are needed' : { id, user, product, status: 'placed' }
    },
  )
