import type { RecordStore } from '../state/record-store.ts'
import { decoded, flowKind, statusOf } from './flow-record.ts'
import type { Flows } from './flows.ts'
import { recordOf } from './held-flow.ts'
import { taken } from './outcomes.ts'

/** What people may do to flows, whether or not this process works on any. */
export type FlowDesk = Pick<Flows, 'get' | 'list' | 'retry'>

export interface FlowDeskDeps {
  readonly store: RecordStore
  epochNow(): number
  /** A flow is due at once that was not before. */
  onDue?(): void
}

/** A write of the process that works on the flow comes in between, seldom twice. */
const maxTries = 10

export function flowDesk({ store, epochNow, onDue }: FlowDeskDeps): FlowDesk {
  const retry = async (id: string): Promise<boolean> => {
    for (let tries = 0; tries < maxTries; tries += 1) {
      const stored = await store.get(flowKind, id)
      if (stored === undefined) return false
      const record = decoded(stored.value)
      const nowMs = epochNow()
      // Someone is at it this moment.
      if (record.calling && stored.dueAtMs > nowMs) return true
      if (!taken(record, nowMs)) return false
      record.updatedAtMs = nowMs
      if ((await store.put({ ...recordOf(record, nowMs), dueAtMs: nowMs }, stored.version)) !== undefined) {
        onDue?.()
        return true
      }
    }
    return true
  }

  return {
    retry,
    get: async (id) => {
      const stored = await store.get(flowKind, id)
      return stored === undefined ? undefined : statusOf(decoded(stored.value))
    },
    list: async ({ flow, state, cursor, limit }) => {
      const query = { limit, ...(flow === undefined ? {} : { group: flow }), ...(state === undefined ? {} : { state }) }
      const found = await store.list(flowKind, cursor === undefined ? query : { ...query, cursor })
      return { flows: found.records.map(({ value }) => statusOf(decoded(value))), cursor: found.cursor }
    },
  }
}
