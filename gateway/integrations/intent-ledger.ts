import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { GatewayError } from '../errors.ts'
import type { RecordStore, StoredRecord } from '../state/record-store.ts'
import { statusOfKind } from './failure.ts'
import { decodeIntent, encodeIntent, isEnded, toldBy } from './intent.ts'
import type { Intent } from './intent.ts'
import type { IntentState } from './operation.ts'

/** How long a process may work on an intent without a sign of life, and how often it gives one. */
const leaseMs = 10_000
const renewEveryMs = 3000
/** How long the end of an intent is offered to a store that does not answer. */
const endWithinMs = 5000

export const intentKind = 'intent'

export interface Found {
  readonly intent: Intent
  readonly state: IntentState
  readonly record: StoredRecord
}

/** How an intent leaves the hands of who worked on it. */
export interface Ending {
  readonly state: IntentState
  readonly intent: Intent
  /** When somebody has to go on with it, for states that are no end; `Infinity` for never. */
  readonly dueAtMs?: number
}

/** An intent in our hands: nobody else works on it as long as the process lives. */
export interface Hold {
  readonly intent: Intent
  /** Replaces it, on disk before it resolves: what comes next must not be forgotten. @throws {GatewayError} STATE_UNAVAILABLE */
  note(intent: Intent): Promise<void>
  /**
   * Lets go of it.
   * @returns What is stored now: another ending where somebody else came to one while we were thought dead.
   * @throws {GatewayError} STATE_UNAVAILABLE: it counts as held by a dead process, so that its outcome is looked for.
   */
  end(ending: Ending): Promise<Ending>
  /** Gives no more signs of life. Nothing to do after `end`. */
  abandon(): void
}

export interface IntentLedger {
  find(id: string): Promise<Found | undefined>
  /** @returns Undefined when somebody else was first. */
  create(intent: Intent): Promise<Hold | undefined>
  /** @returns Undefined when it has changed since it was found. */
  take(found: Found, change: (intent: Intent) => Intent): Promise<Hold | undefined>
  /**
   * As `create`, for a call that is not worth a record as long as it ends at once, because repeating it does no harm.
   * @param mayStay False: nothing of it is ever stored. What does not end at once has failed.
   */
  loose(intent: Intent, mayStay: boolean): Hold
  /** Changes one that nobody holds. @returns False when it has changed since it was found. */
  move(found: Found, ending: Ending): Promise<boolean>
  /** Those that somebody has to look at. */
  due(limit: number): Promise<readonly Found[]>
}

export interface LedgerDeps {
  readonly store: RecordStore
  epochNow(): number
}

export function intentLedger({ store, epochNow }: LedgerDeps): IntentLedger {
  const recordOf = ({ state, intent, dueAtMs = Infinity }: Ending, owner: string) => {
    const kept = isEnded(state) ? withoutInput(intent) : intent
    return {
      kind: intentKind,
      id: intent.id,
      group: `${intent.integration}.${intent.operation}`.slice(0, 200),
      state,
      dueAtMs,
      expiresAtMs: isEnded(state) ? epochNow() + intent.ttlMs : Infinity,
      createdAtMs: intent.createdAtMs,
      value: encodeIntent({ ...kept, updatedAtMs: epochNow() }, owner),
    }
  }
  const running = (intent: Intent, owner: string) => recordOf({ state: 'running', intent, dueAtMs: epochNow() + leaseMs }, owner)

  // As long as nothing can have happened, there is nothing that a provider could forget.
  const beginning = (intent: Intent): Intent => (intent.unsure ? intent : { ...intent, firstAttemptAtMs: epochNow() })

  const find = async (id: string): Promise<Found | undefined> => {
    const record = await store.get(intentKind, id)
    return record === undefined ? undefined : foundIn(record)
  }

  const hold = (first: Intent, firstVersion: number, owner: string): Hold => {
    let intent = first
    let version: number | undefined = firstVersion
    let ended = false
    /** Writes of one hold come one after the other, so that each knows the version of the one before it. */
    let last: Promise<unknown> = Promise.resolve()
    const inTurn = <T>(write: () => Promise<T>): Promise<T> => {
      const turn = last.then(write, write)
      last = turn.catch(() => undefined)
      return turn
    }
    /** A write may have worked although its confirmation was lost: then the record still is ours, with a newer version. */
    const put = async (ending: Ending): Promise<boolean> => {
      if (version === undefined) return false
      const record = ending.state === 'running' ? running(ending.intent, owner) : recordOf(ending, owner)
      version = await store.put(record, version)
      if (version !== undefined) return true
      const now = await find(intent.id)
      if (now === undefined || now.state !== 'running' || decodeIntent(now.record.value).owner !== owner) return isSame(now, ending, owner)
      version = await store.put(record, now.record.version)
      return version !== undefined
    }
    const renew = setInterval(() => {
      // A store that is away for a moment costs nothing: the lease has time for three tries.
      void inTurn(async () => ended || (await put({ state: 'running', intent }))).catch(() => false)
    }, renewEveryMs)
    renew.unref()

    const settle = async (ending: Ending): Promise<Ending> => {
      if (await put(ending)) return ending
      for (;;) {
        const now = await find(ending.intent.id)
        if (now !== undefined && isSame(now, ending, owner)) return ending
        // Facts win over what others made of our silence.
        const wins = ending.state === 'completed' && now?.state !== 'completed'
        if (now !== undefined && !wins) return { state: now.state, intent: now.intent }
        if ((await store.put(recordOf(ending, owner), now?.record.version ?? 0)) !== undefined) return ending
      }
    }

    return {
      get intent() {
        return intent
      },
      note: (next) =>
        inTurn(async () => {
          if (!(await put({ state: 'running', intent: next }))) throw new GatewayError('IDEMPOTENCY_IN_PROGRESS', { retryAfterSeconds: 1 })
          intent = next
        }),
      end: (ending) =>
        inTurn(async () => {
          ended = true
          clearInterval(renew)
          const giveUpAtMs = epochNow() + endWithinMs
          for (let waitMs = 50; ; waitMs *= 2) {
            try {
              return await settle(ending)
            } catch (error) {
              if (!(error instanceof GatewayError && error.code === 'STATE_UNAVAILABLE') || epochNow() + waitMs > giveUpAtMs) throw error
            }
            await delay(waitMs)
          }
        }),
      abandon: () => {
        ended = true
        clearInterval(renew)
      },
    }
  }

  return {
    find,
    create: async (fresh) => {
      const owner = randomUUID()
      const intent = beginning(fresh)
      const version = await store.put(running(intent, owner), 0)
      return version === undefined ? undefined : hold(intent, version, owner)
    },
    take: async ({ intent, record }, change) => {
      const owner = randomUUID()
      const next = beginning(change(intent))
      const version = await store.put(running(next, owner), record.version)
      return version === undefined ? undefined : hold(next, version, owner)
    },
    loose: (first, mayStay) => {
      let intent = first
      return {
        get intent() {
          return intent
        },
        note: (next) => {
          intent = next
          return Promise.resolve()
        },
        end: async (ending) => {
          if (isEnded(ending.state)) return ending
          if (!mayStay) return givenUp(ending)
          await store.put(recordOf(ending, ''), 0)
          return ending
        },
        abandon: () => undefined,
      }
    },
    move: async ({ record }, ending) => (await store.put(recordOf(ending, ''), record.version)) !== undefined,
    due: async (limit) => (await store.due(intentKind, epochNow(), limit)).map(foundIn),
  }
}

export function foundIn(record: StoredRecord): Found {
  const { owner: _, ...intent } = decodeIntent(record.value)
  return { intent, state: record.state as IntentState, record }
}

const givenUp = ({ intent }: Ending): Ending => ({
  state: 'failed',
  intent: { ...intent, told: toldBy('failed', undefined, intent.failure === undefined ? 502 : statusOfKind(intent.failure.kind)) },
})

const isSame = (now: Found | undefined, { state }: Ending, owner: string): boolean =>
  now !== undefined && now.state === state && decodeIntent(now.record.value).owner === owner

const withoutInput = ({ input: _input, ...rest }: Intent): Intent => rest
