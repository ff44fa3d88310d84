import { randomUUID } from 'node:crypto'
import type { FlowConfig } from '../../config/model.ts'
import type { RecordStore, StoredRecord } from '../state/record-store.ts'
import { decoded, flowKind } from './flow-record.ts'
import type { FlowRecord } from './flow-record.ts'
import { recordOf } from './held-flow.ts'

export interface FlowLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Room for one flow. */
export interface Place {
  run(record: FlowRecord, version: number): void
  leave(): void
}

export interface DueFlowsDeps {
  readonly store: RecordStore
  readonly leaseMs: number
  readonly log: FlowLog
  epochNow(): number
  place(): Place | undefined
  compile(config: FlowConfig, hash: string): unknown
  /** Whether this process works on it. */
  has(id: string): boolean
  draining(): boolean
}

/** A record that cannot be read is looked at again: a newer gateway may know it. */
const unreadableMs = 300_000
const maxAtOnce = 50

/** Takes flows that are due, as many as there are places for. What is returned never rejects. */
export function dueFlows({ store, leaseMs, log, epochNow, place, compile, has, draining }: DueFlowsDeps): () => Promise<void> {
  let storeAway = false

  /** @returns False when there is no place for it. */
  const take = async (stored: StoredRecord): Promise<boolean> => {
    const free = place()
    if (free === undefined) return false
    try {
      const record = readable(stored)
      const nowMs = epochNow()
      if (record === undefined) {
        await store.put({ ...stored, dueAtMs: nowMs + unreadableMs }, stored.version)
        free.leave()
        return true
      }
      record.owner = randomUUID()
      const version = await store.put({ ...recordOf(record, nowMs), dueAtMs: nowMs + leaseMs }, stored.version)
      if (version === undefined) free.leave()
      else free.run(record, version)
      return true
    } catch (error) {
      free.leave()
      throw error
    }
  }

  const readable = (stored: StoredRecord): FlowRecord | undefined => {
    try {
      const record = decoded(stored.value)
      compile(record.definition, record.definitionHash)
      // Its process has ended in the middle of a call.
      if (record.calling) interrupted(record)
      return record
    } catch (error) {
      log.error({ err: error, flow: stored.group, id: stored.id }, `flow ${stored.group} cannot be read by this version of the gateway`)
      return undefined
    }
  }

  return async () => {
    try {
      while (!draining()) {
        const found = await store.due(flowKind, epochNow(), maxAtOnce)
        const free = found.filter(({ id }) => !has(id))
        const taken = await Promise.all(free.map(take))
        if (free.length < maxAtOnce || taken.includes(false)) break
      }
      storeAway = false
    } catch (error) {
      if (!storeAway && !draining()) log.error({ err: error }, 'flows cannot be looked for: the state store does not answer')
      storeAway = true
    }
  }
}

/** What a call has come to is not known: it is repeated with its key. */
function interrupted(record: FlowRecord): void {
  record.calling = false
  for (const step of record.steps) {
    if (step.state !== 'started') continue
    step.unknown = true
    step.unanswered = true
  }
}
