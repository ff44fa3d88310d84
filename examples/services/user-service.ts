import { byId, collection, idIn, textOf } from './collection.ts'
import type { Api, Reply } from './json-server.ts'
import { passwordTokens } from './password-tokens.ts'
import type { PasswordTokensOptions } from './password-tokens.ts'

interface User {
  readonly id: string
  readonly email: string
  readonly created: string
}

/**
 * The user service of the design document: an id, an e-mail address and a time, as its contract says. `PUT` and `DELETE` on one user may be
 * repeated, so that a registration whose answer was lost can be done again, or undone. Also resets passwords.
 */
export const userService = (options: PasswordTokensOptions = {}): Api => {
  const users = byId<User>([
    { id: '1', email: 'ada@example.com', created: '2026-01-02T03:04:05Z' },
    { id: '2', email: 'grace@example.com', created: '2026-02-03T04:05:06Z' },
    { id: '42', email: 'douglas@example.com', created: '2026-03-04T05:06:07Z' },
  ])
  const owner = (email: string): User | undefined => [...users.values()].find((user) => user.email === email)

  const put = (id: string, body: unknown): Reply => {
    const email = textOf(body, 'email')
    if (email === undefined) return { status: 422, body: { error: 'email is missing' } }
    const other = owner(email)
    if (other !== undefined && other.id !== id) return { status: 409, body: { error: 'the address is taken' } }
    const user = users.get(id) ?? { id, email, created: new Date().toISOString() }
    users.set(id, user)
    return { status: 200, body: user }
  }

  const listed = collection<User>('/api/users', users, (id, body) => {
    const email = textOf(body, 'email')
    return email === undefined ? 'email is missing' : { id, email, created: new Date().toISOString() }
  })
  const tokens = passwordTokens((email) => owner(email)?.id, options)
  return (method, path, body, headers) => {
    const id = idIn(path, '/api/users')
    if (id !== undefined && method === 'PUT') return put(id, body)
    if (id !== undefined && method === 'DELETE')
      return users.delete(id) ? { status: 200, body: { id } } : { status: 404, body: { error: 'no such user' } }
    return tokens(method, path, body, headers) ?? listed(method, path, body, headers)
  }
}
