import type { EmbeddedBrokerConfig } from '../../../config/model.ts'
import { GatewayError } from '../../errors.ts'

/** The publishes that wait for the disk: how many there may be, and for how long. */
export interface Confirmations {
  /**
   * Begins a publish and waits for what comes of it.
   * @throws {GatewayError} BROKER_UNAVAILABLE: refused, or not confirmed in time; QUEUE_FULL: too many wait.
   */
  add<Outcome>(begin: () => Promise<Outcome>): Promise<Outcome>
  /** Now and then: rejects those that have waited for too long. One sweep instead of a timer for each. */
  expire(): void
  counts(): { readonly confirmed: number; readonly failed: number; readonly unconfirmed: number }
}

export function confirmations({
  publishTimeoutMs,
  maxUnconfirmed,
}: Pick<EmbeddedBrokerConfig, 'publishTimeoutMs' | 'maxUnconfirmed'>): Confirmations {
  // In the order of their deadlines, for all wait equally long.
  const waiting = new Set<{ readonly deadline: number; readonly reject: (error: GatewayError) => void }>()
  let begun = 0
  let confirmed = 0
  let failed = 0

  return {
    add: async <Outcome>(begin: () => Promise<Outcome>): Promise<Outcome> => {
      // Those that were given up still count: their bodies are in memory until the thread answers.
      if (begun >= maxUnconfirmed) throw new GatewayError('QUEUE_FULL', { detail: 'too many messages wait for the broker' })
      begun += 1
      const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
      const entry = { deadline: performance.now() + publishTimeoutMs, reject }
      waiting.add(entry)
      begin()
        .then(resolve, (cause: unknown) => reject(new GatewayError('BROKER_UNAVAILABLE', { cause })))
        .finally(() => {
          begun -= 1
          waiting.delete(entry)
        })
      try {
        const outcome = await promise
        confirmed += 1
        return outcome
      } catch (error) {
        failed += 1
        throw error
      }
    },
    expire: () => {
      const nowMs = performance.now()
      for (const entry of waiting) {
        if (entry.deadline > nowMs) return
        waiting.delete(entry)
        entry.reject(new GatewayError('BROKER_UNAVAILABLE', { detail: 'the broker did not confirm the message in time' }))
      }
    },
    counts: () => ({ confirmed, failed, unconfirmed: begun }),
  }
}
