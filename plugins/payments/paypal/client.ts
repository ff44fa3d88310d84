import { ProviderFailure } from '../../../gateway/plugin.ts'
import type { AdapterContext, Json, OperationCall } from '../../../gateway/plugin.ts'
import { withoutEffect } from '../failure.ts'
import { failureOf } from './failure.ts'

export interface PaypalClient {
  /** @throws {ProviderFailure} Never with an effect. */
  get(path: string, signal: AbortSignal): Promise<Json>
  /**
   * @param json Undefined where PayPal takes no body.
   * @param key Value of `PayPal-Request-Id`.
   * @returns An order as a whole, anything else in short: its id and state. Null where PayPal answers without a body (204).
   * @throws {ProviderFailure}
   */
  post(path: string, json: Json | undefined, key: string, call: Pick<OperationCall, 'attempt' | 'signal'>): Promise<Json>
}

export const paypalClient = ({ http, now }: AdapterContext): PaypalClient => ({
  get: (path, signal) =>
    withoutEffect(async () => {
      const answer = await http.request({ method: 'GET', path, headers: { 'content-type': 'application/json' }, signal })
      if (answer.status !== 200) throw failureOf(answer, now(), 1)
      return answer.json()
    }),
  post: async (path, json, key, { attempt, signal }) => {
    // PayPal's own specification of Payments v2 leaves no room for the word.
    const whole = path.startsWith('/v2/checkout/') ? { prefer: 'return=representation' } : {}
    const headers = { 'paypal-request-id': key, 'content-type': 'application/json', ...whole }
    const answer = await http.request({ method: 'POST', path, ...(json === undefined ? {} : { json }), headers, signal })
    if (answer.status === 204) return null
    if (answer.status !== 200 && answer.status !== 201) throw failureOf(answer, now(), attempt)
    return answer.json()
  },
})

/** What is said of a success that cannot be read: the effect may have happened, and the same id gives the answer again. */
export const unreadable = (what: string): ProviderFailure =>
  new ProviderFailure('invalid_response', `PayPal answered something that is no ${what}`, { executed: 'unknown' })
