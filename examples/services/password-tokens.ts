import { randomBytes } from 'node:crypto'
import { idIn, textOf } from './collection.ts'
import type { Api, Reply } from './json-server.ts'

export interface PasswordTokensOptions {
  /** How long a token counts, in milliseconds. Default 15 minutes. */
  readonly tokenTtlMs?: number
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

interface Token {
  readonly user: string
  readonly token: string
  readonly endsAtMs: number
}

/** Kept in memory; the oldest are forgotten. */
const maxKept = 1000
const minPasswordLength = 8

/**
 * `PUT /password-tokens/ID` makes a token for the user with this address, under a name that the caller chooses: repeated, it is the same token.
 * `DELETE` takes it back. `POST /passwords` sets a password with it, once.
 */
export const passwordTokens = (
  userOf: (email: string) => string | undefined,
  { tokenTtlMs = 900_000, now = Date.now }: PasswordTokensOptions,
): Api => {
  const tokens = new Map<string, Token>()

  const make = (id: string, body: unknown): Reply => {
    const user = userOf(textOf(body, 'email') ?? '')
    // Nobody learns from the answer of a reset whether an address is known here: it is an answer like any other.
    if (user === undefined) return { status: 200, body: { token: null } }
    const token = tokens.get(id) ?? { user, token: randomBytes(24).toString('base64url'), endsAtMs: now() + tokenTtlMs }
    tokens.set(id, token)
    const [oldest] = tokens.keys()
    if (tokens.size > maxKept && oldest !== undefined) tokens.delete(oldest)
    return { status: 200, body: { token: token.token, expires: new Date(token.endsAtMs).toISOString() } }
  }

  const use = (body: unknown): Reply => {
    const password = textOf(body, 'password') ?? ''
    if (password.length < minPasswordLength) return { status: 422, body: { error: `a password has at least ${minPasswordLength} characters` } }
    const wanted = textOf(body, 'token')
    const [id, found] = [...tokens].find(([, { token }]) => token === wanted) ?? []
    if (id !== undefined) tokens.delete(id)
    if (found === undefined || found.endsAtMs <= now()) return { status: 410, body: { error: 'the token does not count any more' } }
    return { status: 200, body: { user: found.user } }
  }

  return (method, path, body) => {
    if (method === 'POST' && path === '/passwords') return use(body)
    if (method === 'GET' && path === '/password-tokens') return { status: 200, body: [...tokens.values()].map(({ user }) => ({ user })) }
    const id = idIn(path, '/password-tokens')
    if (id === undefined) return undefined
    if (method === 'PUT') return make(id, body)
    if (method === 'DELETE') return { status: tokens.delete(id) ? 200 : 404, body: { id } }
    return undefined
  }
}
