import { ProviderFailure } from '../../../gateway/plugin.ts'
import type { AdapterContext, Json, ProviderAnswer } from '../../../gateway/plugin.ts'
import { withoutEffect } from '../failure.ts'
import { failureOf } from './failure.ts'

/** Pinned, so that a change of the account's default changes nothing here. */
const apiVersion = '2026-10-28.endive'

/** Nested values become bracketed names, as Stripe reads them: `metadata[order]`. Those without a value are left out. */
export interface Parameters {
  readonly [name: string]: string | number | boolean | undefined | Parameters
}

export interface StripeClient {
  /** @throws {ProviderFailure} Never with an effect. */
  get(path: string, query: Readonly<Record<string, string | number | undefined>>, signal: AbortSignal): Promise<Json>
  /** The payment with its last charge, which knows what was refunded. */
  intent(id: string, signal: AbortSignal): Promise<Json>
  /** @throws {ProviderFailure} */
  post(path: string, parameters: Parameters, key: string, signal: AbortSignal): Promise<Json>
}

export const stripeClient = ({ http, settings, now }: AdapterContext): StripeClient => {
  const account = settings['account']
  const headers = { 'stripe-version': apiVersion, ...(typeof account === 'string' ? { 'stripe-account': account } : {}) }
  const read = (answer: ProviderAnswer): Json => {
    if (answer.status !== 200) throw failureOf(answer, now())
    return answer.json()
  }
  const get: StripeClient['get'] = (path, query, signal) =>
    withoutEffect(async () => read(await http.request({ method: 'GET', path, query, headers, signal })))
  return {
    get,
    intent: (id, signal) => get(`/v1/payment_intents/${encodeURIComponent(id)}`, { 'expand[]': 'latest_charge' }, signal),
    post: async (path, parameters, key, signal) =>
      read(await http.request({ method: 'POST', path, form: form(parameters), headers: { ...headers, 'idempotency-key': key }, signal })),
  }
}

/** What is said of a success that cannot be read: the effect may have happened, and the same key gives the answer again. */
export const unreadable = (what: string): ProviderFailure =>
  new ProviderFailure('invalid_response', `Stripe answered something that is no ${what}`, { executed: 'unknown' })

export function form(parameters: Parameters): URLSearchParams {
  const pairs = new URLSearchParams()
  const add = (members: Parameters, name: (key: string) => string): void => {
    for (const [key, value] of Object.entries(members)) {
      if (typeof value === 'object') add(value, (inner) => `${name(key)}[${inner}]`)
      else if (value !== undefined) pairs.append(name(key), String(value))
    }
  }
  add(parameters, (key) => key)
  return pairs
}
