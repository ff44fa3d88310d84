import type { Api } from './json-server.ts'

export interface Item {
  readonly id: string
}

/** What is held in memory, by id. */
export const byId = <T extends Item>(first: readonly T[]): Map<string, T> => new Map(first.map((item) => [item.id, item]))

/**
 * GET (all, one) and POST on a collection held in memory.
 * @param make Turns a posted body into an item, or says what is wrong with it.
 */
export const collection = <T extends Item>(path: string, items: Map<string, T>, make: (id: string, body: unknown) => T | string): Api => {
  let made = items.size
  return (method, asked, body) => {
    if (asked === path && method === 'GET') return { status: 200, body: [...items.values()] }
    if (asked === path && method === 'POST') {
      const item = make(String(made + 1), body)
      if (typeof item === 'string') return { status: 422, body: { error: item } }
      made += 1
      items.set(item.id, item)
      return { status: 201, body: item }
    }
    const item = method === 'GET' ? items.get(idIn(asked, path) ?? '') : undefined
    return item === undefined ? undefined : { status: 200, body: item }
  }
}

/** The one segment of a path below `path`: `42` of `/api/users/42`. */
export const idIn = (asked: string, path: string): string | undefined => {
  const id = asked.startsWith(`${path}/`) ? asked.slice(path.length + 1) : ''
  return id === '' || id.includes('/') ? undefined : id
}

/** The text under `key`, or undefined when the body is not an object with such a text. */
export const textOf = (body: unknown, key: string): string | undefined => {
  const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, key) : undefined
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The whole number under `key`, at least 1. */
export const countOf = (body: unknown, key: string): number | undefined => {
  const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, key) : undefined
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined
}
