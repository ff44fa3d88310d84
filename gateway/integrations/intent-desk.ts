import { GatewayError } from '../errors.ts'
import type { RecordStore } from '../state/record-store.ts'
import { statusOf } from './intent.ts'
import { foundIn, intentKind } from './intent-ledger.ts'
import type { Ending, Found, IntentLedger } from './intent-ledger.ts'
import type { IntentState, IntentStatus } from './operation.ts'

/** What a person decides about an intent in review. `retry`: he has made sure that nothing has happened, so that it is done now. */
export type Decision = 'completed' | 'failed' | 'retry'

export interface IntentQuery {
  readonly state?: IntentState
  /** `integration.operation`. */
  readonly operation?: string
  readonly cursor?: string
  /** At most 1000. */
  readonly limit: number
}

/** Intents as operators see them. @throws {GatewayError} STATE_UNAVAILABLE */
export interface IntentDesk {
  list(query: IntentQuery): Promise<{ readonly intents: readonly IntentStatus[]; readonly cursor: string | undefined }>
  show(id: string): Promise<IntentStatus | undefined>
  /** @returns The intent as it is now; undefined when there is none in review of this id. */
  settle(id: string, decision: Decision): Promise<IntentStatus | undefined>
}

export function intentDesk(store: RecordStore, ledger: IntentLedger, epochNow: () => number): IntentDesk {
  return {
    list: async ({ state, operation, cursor, limit }) => {
      const query = {
        limit,
        ...(state === undefined ? {} : { state }),
        ...(operation === undefined ? {} : { group: operation }),
        ...(cursor === undefined ? {} : { cursor }),
      }
      const page = await store.list(intentKind, query)
      return {
        intents: page.records.map((record) => {
          const found = foundIn(record)
          return statusOf(found.intent, found.state)
        }),
        cursor: page.cursor,
      }
    },
    show: async (id) => {
      const found = await ledger.find(id)
      return found === undefined ? undefined : statusOf(found.intent, found.state)
    },
    settle: async (id, decision) => {
      const found = await ledger.find(id)
      if (found?.state !== 'review') return undefined
      const ending = settled(found, decision, epochNow())
      if (!(await ledger.move(found, ending))) throw new GatewayError('IDEMPOTENCY_IN_PROGRESS', { retryAfterSeconds: 1 })
      return statusOf(ending.intent, ending.state)
    },
  }
}

function settled({ intent }: Found, decision: Decision, nowMs: number): Ending {
  const { failure, told, ...rest } = intent
  switch (decision) {
    case 'completed':
      return { state: 'completed', intent: { ...rest, unsure: false, output: null } }
    case 'failed': {
      const why = failure ?? { kind: 'internal', executed: 'no', message: 'it was given up' }
      return {
        state: 'failed',
        intent: { ...intent, unsure: false, failure: { ...why, executed: 'no' }, told: { ...told, type: 'failed', status: 502 } },
      }
    }
    case 'retry':
      return { state: 'verifying', intent: { ...intent, unsure: false, sinceMs: nowMs }, dueAtMs: nowMs }
  }
}
