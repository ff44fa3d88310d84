import { type Json, type ProviderAnswer, ProviderFailure } from '../plugin.ts'
import type { ProviderAuth } from './provider-proof.ts'

/** Sends a form to the token endpoint; no longer than one attempt may take. @throws {ProviderFailure} */
export type TokenRequest = (form: URLSearchParams, authorization: string) => Promise<ProviderAnswer>

export interface OauthOptions {
  readonly request: TokenRequest
  /** Value of `Authorization` for the token endpoint, revealed at this moment. */
  credentials(): string
  readonly scope: string | undefined
  now(): number
}

interface Token {
  readonly authorization: string
  readonly untilMs: number
}

/** RFC 6749, 5.1: where the answer says no lifetime, the token is not kept for long. */
const unstatedLifetimeSeconds = 300
/** A token is renewed so long before it ends, or a tenth of its life for short ones. */
const marginMs = 30_000

/** Client credentials (RFC 6749, 4.4). One fetch at a time serves all calls that wait; a token that is refused is replaced. */
export const oauthToken = ({ request, credentials, scope, now }: OauthOptions): ProviderAuth => {
  let token: Token | undefined
  let fetching: Promise<Token> | undefined

  const fetch = async (): Promise<Token> => {
    const form = new URLSearchParams({ grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) })
    const answer = await request(form, credentials()).catch((error: unknown) => {
      // Whatever became of the request for a token, the operation itself was not sent.
      if (error instanceof ProviderFailure) throw new ProviderFailure(error.kind, `No token: ${error.message}`, { executed: 'no', cause: error })
      throw error
    })
    return tokenOf(answer, now())
  }
  const current = (): Promise<Token> => {
    if (token !== undefined && token.untilMs > now()) return Promise.resolve(token)
    fetching ??= fetch()
      .then((fetched) => (token = fetched))
      .finally(() => {
        fetching = undefined
      })
    return fetching
  }
  return {
    headers: async (signal) => ({ authorization: (await orAborted(current(), signal)).authorization }),
    refused: ({ authorization }) => {
      if (token?.authorization === authorization) token = undefined
      return true
    },
  }
}

/** One caller that gives up must not take the token from the others. */
const orAborted = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new ProviderFailure('timeout', 'No token within the time limit', { executed: 'no' }))
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })

const tokenOf = (answer: ProviderAnswer, nowMs: number): Token => {
  if (answer.status >= 500 || answer.status === 429)
    throw new ProviderFailure(answer.status === 429 ? 'rate_limited' : 'service_down', `No token: status ${answer.status}`, {
      executed: 'no',
      status: answer.status,
    })
  const body = bodyOf(answer)
  if (answer.status !== 200) {
    const code = typeof body['error'] === 'string' && /^[\x21-\x7e]{1,64}$/.test(body['error']) ? body['error'] : undefined
    throw new ProviderFailure('unauthorized', `No token: status ${answer.status}`, {
      executed: 'no',
      status: answer.status,
      ...(code === undefined ? {} : { code }),
    })
  }
  const { access_token: token, token_type: type, expires_in: lifetime } = body
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token) || typeof type !== 'string' || type.toLowerCase() !== 'bearer')
    throw new ProviderFailure('invalid_response', 'The answer of the token endpoint has no bearer token', { executed: 'no' })
  const lifeMs = (Number.isFinite(Number(lifetime ?? undefined)) ? Number(lifetime) : unstatedLifetimeSeconds) * 1000
  return { authorization: `Bearer ${token}`, untilMs: nowMs + lifeMs - Math.min(marginMs, lifeMs / 10) }
}

const bodyOf = (answer: ProviderAnswer): Readonly<Record<string, Json>> => {
  try {
    const body = answer.json()
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Readonly<Record<string, Json>>
  } catch {
    if (answer.status !== 200) return {}
  }
  throw new ProviderFailure('invalid_response', 'The answer of the token endpoint is not JSON', { executed: 'no', status: answer.status })
}
