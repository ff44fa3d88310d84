import { createHash } from 'node:crypto'
import type { OrderBy } from '../../config/model.ts'
import type { Message } from './message.ts'

/** Longer ones are replaced by their hash, so that no message costs more than its body. */
const maxKeyLength = 256

/**
 * Compiles where the key of a message stands.
 * @returns Undefined for a message that has none there: it has no order among the others. Never throws.
 */
export function orderKey(orderBy: OrderBy | undefined): (message: Pick<Message, 'headers' | 'body'>) => string | undefined {
  if (orderBy === undefined) return () => undefined
  if ('header' in orderBy) {
    const name = orderBy.header.toLowerCase()
    return ({ headers }) => bounded(Object.hasOwn(headers, name) ? headers[name] : undefined)
  }
  return ({ body }) => bounded(scalarAt(body, orderBy.body))
}

function scalarAt(body: Buffer, path: readonly string[]): string | undefined {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[step]
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

function bounded(key: string | undefined): string | undefined {
  if (key === undefined || key === '') return undefined
  return key.length <= maxKeyLength ? key : createHash('sha256').update(key).digest('base64url')
}
