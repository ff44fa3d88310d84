import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { between } from './chance.ts'
import type { Ledger } from './ledger.ts'
import type { Body, Fate } from './record.ts'

/** Publishes through the gateway's door and keeps the ledger. */
export interface Sender {
  /** Sends so many messages; resolves when each was confirmed or refused, or when `giveUp` was called. */
  send(count: number): Promise<void>
  /** Takes no new messages; those under way are still brought to their end. */
  stop(): void
  /** Ends without waiting for what is not confirmed. */
  giveUp(): void
  close(): Promise<void>
}

export interface SenderOptions {
  /** Of the gateway. */
  readonly url: string
  readonly run: string
  readonly ledger: Ledger
  /** Requests under way at the same time, each on a kept connection. */
  readonly lanes: number
  /** Messages per second at most; `Infinity` for as many as go. */
  readonly ratePerSecond: number
  fate(n: number): Fate
  random(): number
}

/** A request without answer is given up after this; its message is sent again with the same key. */
const answerTimeoutMs = 15_000

/** Milliseconds of the clock of the ledger. */
export const nowMs = (): number => performance.timeOrigin + performance.now()

export const keyOf = (run: string, n: number): string => `${run}-${n}`

export function sender({ url, run, ledger, lanes, ratePerSecond, fate, random }: SenderOptions): Sender {
  const pool = new Pool(url, { connections: lanes, headersTimeout: answerTimeoutMs, bodyTimeout: answerTimeoutMs, connectTimeout: 2000 })
  const gaveUp = new AbortController()
  let stopped = false
  let nextAtMs = 0

  /** Waits for the turn of the next message; after an outage the rate begins anew instead of catching up. */
  const paced = async (): Promise<void> => {
    if (ratePerSecond === Infinity) return
    nextAtMs = Math.max(nextAtMs + 1000 / ratePerSecond, nowMs() - 20)
    const waitMs = nextAtMs - nowMs()
    if (waitMs > 1) await sleep(waitMs, undefined, { signal: gaveUp.signal }).catch(() => undefined)
  }

  const request = async (n: number, body: string): Promise<number> => {
    ledger.try(n)
    try {
      const answer = await pool.request({
        path: '/work',
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': keyOf(run, n) },
        body,
        signal: gaveUp.signal,
      })
      await answer.body.dump()
      return answer.statusCode
    } catch {
      return 0
    }
  }

  const bring = async (n: number): Promise<void> => {
    const body = JSON.stringify({ run, n, fate: fate(n) } satisfies Body)
    while (!gaveUp.signal.aborted) {
      const status = await request(n, body)
      if (status === 202) return ledger.confirm(n, nowMs())
      // 409: an earlier request with this key is still under way.
      if (status >= 400 && status < 500 && status !== 409 && status !== 429) return ledger.refuse(n, status)
      await sleep(between(random, 50, 250), undefined, { signal: gaveUp.signal }).catch(() => undefined)
    }
  }

  return {
    send: async (count) => {
      let taken = 0
      const lane = async (): Promise<void> => {
        while (taken < count && !stopped && !gaveUp.signal.aborted) {
          taken += 1
          await paced()
          if (!stopped) await bring(ledger.next())
        }
      }
      await Promise.all(Array.from({ length: lanes }, lane))
    },
    stop: () => {
      stopped = true
    },
    giveUp: () => gaveUp.abort(),
    close: () => pool.destroy(),
  }
}
