import { textOf } from './collection.ts'
import type { Api } from './json-server.ts'

interface Payment {
  readonly id: string
  readonly order: string
  readonly amount: string
  readonly status: 'charged'
}

/** Keys that are remembered; the oldest are forgotten. */
const maxRemembered = 10_000

/**
 * Charges each intent once: a request that repeats its `Idempotency-Key`, or the id of its message where there is none, gets the charge of
 * the first one. Whatever arrives through a queue may arrive twice, so this is what every service behind one does in its own way.
 */
export const paymentService = (): Api => {
  const charged = new Map<string, Payment>()
  return (method, path, body, headers) => {
    if (path === '/payments' && method === 'GET') return { status: 200, body: [...charged.values()] }
    if (path !== '/payments' || method !== 'POST') return undefined
    const key = headers['idempotency-key'] ?? headers['ce-id']
    if (typeof key !== 'string') return { status: 400, body: { error: 'an Idempotency-Key is needed' } }
    const before = charged.get(key)
    if (before !== undefined) return { status: 200, body: before }
    const [order, amount] = [textOf(body, 'order'), textOf(body, 'amount')]
    if (order === undefined || amount === undefined) return { status: 422, body: { error: 'order and amount are needed' } }
    const payment: Payment = { id: `pay-${charged.size + 1}`, order, amount, status: 'charged' }
    charged.set(key, payment)
    const [oldest] = charged.keys()
    if (charged.size > maxRemembered && oldest !== undefined) charged.delete(oldest)
    return { status: 201, body: payment }
  }
}
