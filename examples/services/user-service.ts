import { collection, textOf } from './collection.ts'
import type { Api } from './json-server.ts'

interface User {
  readonly id: string
  readonly email: string
  readonly created: string
}

/** The user service of the design document: an id, an e-mail address and a time, as its contract says. */
export const userService = (): Api =>
  collection<User>(
    '/api/users',
    [
      { id: '1', email: 'ada@example.com', created: '2026-01-02T03:04:05Z' },
      { id: '2', email: 'grace@example.com', created: '2026-02-03T04:05:06Z' },
      { id: '42', email: 'douglas@example.com', created: '2026-03-04T05:06:07Z' },
    ],
    (id, body) => {
      const email = textOf(body, 'email')
      return email === undefined ? 'email is missing' : { id, email, created: new Date().toISOString() }
    },
  )
