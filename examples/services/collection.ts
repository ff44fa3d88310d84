import type { Api } from './json-server.ts'

export interface Item {
  readonly id: string
}

/**
 * GET (all, one) and POST on a collection held in memory.
 * @param make Turns a posted body into an item, or says what is wrong with it.
 */
export const collection = <T extends Item>(path: string, first: readonly T[], make: (id: string, body: unknown) => T | string): Api => {
  const items = new Map(first.map((item) => [item.id, item]))
  return (method, asked, body) => {
    if (asked === path && method === 'GET') return { status: 200, body: [...items.values()] }
    if (asked === path && method === 'POST') {
      const made = make(String(items.size + 1), body)
      if (typeof made === 'string') return { status: 422, body: { error: made } }
      items.set(made.id, made)
      return { status: 201, body: made }
    }
    const item = asked.startsWith(`${path}/`) && method === 'GET' ? items.get(asked.slice(path.length + 1)) : undefined
    return item === undefined ? undefined : { status: 200, body: item }
  }
}

/** The text under `key`, or undefined when the body is not an object with such a text. */
export const textOf = (body: unknown, key: string): string | undefined => {
  const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, key) : undefined
  return typeof value === 'string' && value !== '' ? value : undefined
}
