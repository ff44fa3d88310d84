import { GatewayError } from '../../errors.ts'
import type { RecordStore, StoredRecord } from '../../state/record-store.ts'

export interface MemoryStore extends RecordStore {
  /** Answers nothing but STATE_UNAVAILABLE while true. */
  away: boolean
  /** Lets an operation fail before it is done, or after: the caller is told STATE_UNAVAILABLE in both cases. */
  trouble: () => 'before' | 'after' | undefined
  readonly records: ReadonlyMap<string, StoredRecord>
}

/** The contract of the record store on a map, for tests that are about something else. */
export function memoryStore(now: () => number): MemoryStore {
  const records = new Map<string, StoredRecord>()
  const nameOf = (kind: string, id: string): string => `${kind} ${id}`
  const alive = (kind: string, id: string): StoredRecord | undefined => {
    const record = records.get(nameOf(kind, id))
    return record === undefined || record.expiresAtMs <= now() ? undefined : record
  }
  const ofKind = (kind: string): StoredRecord[] => [...records.values()].filter((record) => record.kind === kind && record.expiresAtMs > now())
  // Each operation is a turn of the event loop away, as with a real one.
  const answer = async <T>(work: () => T): Promise<T> => {
    await new Promise((resolve) => setImmediate(resolve))
    const trouble = store.away ? 'before' : store.trouble()
    if (trouble === 'before') throw new GatewayError('STATE_UNAVAILABLE')
    const result = work()
    if (trouble === 'after') throw new GatewayError('STATE_UNAVAILABLE', { sent: true })
    return result
  }
  const store: MemoryStore = {
    away: false,
    trouble: () => undefined,
    records,
    get: (kind, id) => answer(() => alive(kind, id)),
    put: (record, expectedVersion) =>
      answer(() => {
        const known = alive(record.kind, record.id)
        if ((known?.version ?? 0) !== expectedVersion) return undefined
        const version = expectedVersion + 1
        records.set(nameOf(record.kind, record.id), { ...record, createdAtMs: known?.createdAtMs ?? record.createdAtMs, version })
        return version
      }),
    remove: (kind, id, expectedVersion) => answer(() => alive(kind, id)?.version === expectedVersion && records.delete(nameOf(kind, id))),
    due: (kind, nowMs, limit) =>
      answer(() =>
        ofKind(kind)
          .filter(({ dueAtMs }) => dueAtMs <= nowMs)
          .sort((a, b) => a.dueAtMs - b.dueAtMs)
          .slice(0, limit),
      ),
    list: (kind, { group, state, limit }) =>
      answer(() => ({
        records: ofKind(kind)
          .filter((record) => (group === undefined || record.group === group) && (state === undefined || record.state === state))
          .sort((a, b) => b.createdAtMs - a.createdAtMs)
          .slice(0, limit),
        cursor: undefined,
      })),
    counts: (kind) =>
      answer(() => {
        const counts: Record<string, number> = {}
        for (const { state } of ofKind(kind)) counts[state] = (counts[state] ?? 0) + 1
        return counts
      }),
    close: () => Promise.resolve(),
  }
  return store
}
