import { GatewayError } from '../errors.ts'
import { admission } from './admission.ts'
import type { Engine } from './engine.ts'
import type { Found, IntentLedger } from './intent-ledger.ts'
import type { IntegrationLog } from './integration.ts'

export interface ReconcilerDeps {
  readonly ledger: IntentLedger
  readonly engine: Engine
  readonly log: IntegrationLog
  epochNow(): number
}

/** Goes on with intents that nobody waits for: those of dead processes, and those whose outcome is unknown. */
export interface Reconciler {
  /** Begins to look; nothing to do where it looks already. */
  start(): void
  /** Looks no more; resolves when what it has begun is done. */
  stop(): Promise<void>
}

const lookEveryMs = 1000
const maxAtOnce = 20

export function reconciler({ ledger, engine, log, epochNow }: ReconcilerDeps): Reconciler {
  const working = new Map<string, Promise<void>>()
  let timer: NodeJS.Timeout | undefined
  let running = false
  let looking: Promise<void> = Promise.resolve()
  let away = false
  /** There is more than can be worked on at once: the next look need not wait for its time. */
  let more = false

  const goOn = async (found: Found): Promise<void> => {
    try {
      const admitted = admission(found, 'background', epochNow())
      if (admitted.type !== 'take') return
      const hold = await ledger.take(found, admitted.change)
      // Another process may be first.
      if (hold !== undefined) await engine(hold, { driver: 'background', deadlineAtMs: Infinity })
    } catch (error) {
      if (error instanceof GatewayError && (error.code === 'STATE_UNAVAILABLE' || error.code === 'IDEMPOTENCY_IN_PROGRESS')) return
      log.error({ err: error, intent: found.intent.id }, `intent ${found.intent.id} cannot be gone on with`)
    }
  }

  const look = async (): Promise<void> => {
    try {
      const due = await ledger.due(maxAtOnce * 2)
      away = false
      more = due.length > maxAtOnce
      for (const found of due) {
        const { id } = found.intent
        if (working.size >= maxAtOnce || working.has(id)) continue
        working.set(
          id,
          goOn(found).finally(() => {
            working.delete(id)
            if (more && working.size < maxAtOnce / 2) again()
          }),
        )
      }
    } catch (error) {
      if (!away) log.error({ err: error }, 'intents with unknown outcome cannot be looked for')
      away = true
    }
  }

  const schedule = (inMs: number): void => {
    timer = setTimeout(() => {
      timer = undefined
      looking = look().finally(() => {
        if (running) schedule(lookEveryMs)
      })
    }, inMs)
  }

  const again = (): void => {
    more = false
    // A look that is under way comes to the same end.
    if (!running || timer === undefined) return
    clearTimeout(timer)
    schedule(0)
  }

  return {
    start: () => {
      if (running) return
      running = true
      schedule(lookEveryMs)
    },
    stop: async () => {
      running = false
      clearTimeout(timer)
      await looking
      await Promise.all(working.values())
    },
  }
}
