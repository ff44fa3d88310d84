import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { between } from '../chance.ts'
import { keyOf } from '../sender.ts'

/** How an intent stands, as its client knows it. */
export type Paid = 'open' | 'pending' | 'completed' | 'refused'

/** A client that pays as careful clients do: one key for each intent, and the same request again as long as nobody has said how it went. */
export interface Payer {
  /** By number, from 1. */
  readonly intents: ReadonlyMap<number, Paid>
  /** Statuses that were no answer, and how often. */
  readonly refusals: ReadonlyMap<number, number>
  readonly decided: number
  pay(count: number): Promise<void>
  /** Asks for those that were promised until all have ended, or `ms` have passed. */
  settle(ms: number): Promise<void>
  close(): Promise<void>
}

export interface PayerOptions {
  readonly url: string
  readonly run: string
  readonly lanes: number
  random(): number
}

const answerTimeoutMs = 20_000

export function payer({ url, run, lanes, random }: PayerOptions): Payer {
  const pool = new Pool(url, { connections: lanes, headersTimeout: answerTimeoutMs, bodyTimeout: answerTimeoutMs, connectTimeout: 2000 })
  const intents = new Map<number, Paid>()
  const places = new Map<number, string>()
  const refusals = new Map<number, number>()
  const gaveUp = new AbortController()
  let decided = 0

  const ask = async (path: string, request: { readonly key?: string; readonly body?: string }): Promise<{ status: number; body: string }> => {
    try {
      const headers = request.key === undefined ? {} : { 'content-type': 'application/json', 'idempotency-key': request.key }
      const { statusCode, body } = await pool.request({
        path,
        method: request.body === undefined ? 'GET' : 'POST',
        headers,
        ...(request.body === undefined ? {} : { body: request.body }),
        signal: gaveUp.signal,
      })
      return { status: statusCode, body: await body.text() }
    } catch {
      return { status: 0, body: '' }
    }
  }

  const end = (n: number, paid: Paid): void => {
    intents.set(n, paid)
    decided += 1
  }

  const payOne = async (n: number): Promise<void> => {
    const key = keyOf(run, n)
    const body = JSON.stringify({ amount: 100 + (n % 900), currency: 'eur', capture: 'automatic', payment_method: 'pm_card_visa', reference: key })
    intents.set(n, 'open')
    while (!gaveUp.signal.aborted) {
      const answer = await ask('/api/payments', { key, body })
      if (answer.status === 200) return end(n, 'completed')
      if (answer.status === 202) {
        places.set(n, (JSON.parse(answer.body) as { readonly status_url: string }).status_url)
        return end(n, 'pending')
      }
      refusals.set(answer.status, (refusals.get(answer.status) ?? 0) + 1)
      // What the request itself is to blame for does not get better.
      if (answer.status >= 400 && answer.status < 500 && answer.status !== 409 && answer.status !== 429) return end(n, 'refused')
      await sleep(between(random, 50, 250))
    }
  }

  const look = async (n: number, place: string): Promise<void> => {
    const answer = await ask(place, {})
    if (answer.status !== 200) return
    const { status } = JSON.parse(answer.body) as { readonly status: string }
    if (status === 'completed') intents.set(n, 'completed')
    if (status === 'failed' || status === 'skipped') intents.set(n, 'refused')
    if (intents.get(n) !== 'pending') places.delete(n)
  }

  return {
    intents,
    refusals,
    get decided() {
      return decided
    },
    pay: async (count) => {
      let taken = 0
      const lane = async (): Promise<void> => {
        while (taken < count) {
          taken += 1
          await payOne(taken)
        }
      }
      await Promise.all(Array.from({ length: lanes }, lane))
    },
    settle: async (ms) => {
      const endsAtMs = Date.now() + ms
      while (places.size > 0 && Date.now() < endsAtMs) {
        const waiting = [...places]
        for (let at = 0; at < waiting.length; at += lanes) await Promise.all(waiting.slice(at, at + lanes).map(([n, place]) => look(n, place)))
        if (places.size > 0) await sleep(300)
      }
    },
    close: async () => {
      gaveUp.abort()
      await pool.destroy()
    },
  }
}
