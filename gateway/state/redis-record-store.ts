import type { RedisStoreConfig } from '../../config/model.ts'
import type { BrokerLog } from '../messaging/broker.ts'
import { redisConnection } from '../messaging/jobs/redis/connection.ts'
import { replication } from '../messaging/jobs/redis/replication.ts'
import type { Script } from '../messaging/jobs/redis/scripts.ts'
import { timeLimited } from '../messaging/jobs/redis/time-limit.ts'
import type { ListQuery, RecordStore, StoredRecord } from './record-store.ts'
import { checkRecord, msOf, page, storedMs, storedText, textOf } from './record-values.ts'
import type { Place } from './record-values.ts'
import { cleanScript, countsScript, dueScript, placesScript, putScript, readScript, removeScript } from './redis-scripts.ts'
import { stateRole } from './state-role.ts'

export interface RedisRecordStoreOptions {
  readonly config: RedisStoreConfig
  readonly log: BrokerLog
  /** Milliseconds since the epoch. */
  now(): number
  /** How often expired records are looked for, in milliseconds. Default 30,000. */
  readonly cleanEveryMs?: number
}

const recordsPerCleaning = 200

/**
 * Records in Redis, shared by gateways on many machines. Each step is one script; a change counts when as many replicas have it as the
 * configuration wants. What has expired is not found any more and is removed by the gateways, in small portions.
 */
export function redisRecordStore({ config, log, now, cleanEveryMs = 30_000 }: RedisRecordStoreOptions): RecordStore {
  const { keyPrefix: prefix, commandTimeoutMs } = config
  const redis = redisConnection(config, { log, now, role: stateRole }, () => undefined)
  const replicas = replication(config, redis)
  const changes = new Set<Promise<unknown>>()
  let closed = false

  const ask = (script: Script, ...args: readonly (string | number)[]): Promise<unknown> => redis.run(script, [], [prefix, ...args])

  const change = async (script: Script, ...args: readonly (string | number)[]): Promise<number> => {
    const changed = timeLimited(
      replicas.confirmed(() => ask(script, ...args)),
      commandTimeoutMs,
      stateRole.unavailable,
    )
    changes.add(changed)
    try {
      const answer = Number(await changed)
      redis.works()
      return answer
    } finally {
      changes.delete(changed)
    }
  }

  const clean = async (): Promise<void> => {
    while (!closed && Number(await ask(cleanScript, recordsPerCleaning)) === recordsPerCleaning);
  }
  // Failures are logged where they arise, and the next round tries again.
  const cleaning = setInterval(() => void clean().catch(() => undefined), cleanEveryMs).unref()

  const places = async (kind: string, { group, state }: ListQuery, after: Place, length: number): Promise<Place[]> => {
    const filter = [state, group].flatMap((text) => (text === undefined ? [0, ''] : [1, storedText(text)]))
    const found = await ask(placesScript, kind, placeText(after), length, ...filter)
    const sorted = buffersOf(found).sort((one, other) => Buffer.compare(other, one))
    return sorted.slice(0, length).map(placeOf)
  }

  return {
    get: async (kind, id) => recordsOf(kind, await ask(readScript, kind, storedText(id)))[0],
    put: async (record, expected) => {
      checkRecord(record)
      const { kind, id, group, state, dueAtMs, expiresAtMs, createdAtMs, value } = record
      const texts = [kind, storedText(id), expected, storedText(group), storedText(state)]
      const version = await change(putScript, ...texts, storedMs(dueAtMs), storedMs(expiresAtMs), storedMs(createdAtMs), value)
      return version === 0 ? undefined : version
    },
    remove: async (kind, id, expected) => (await change(removeScript, kind, storedText(id), expected)) === 1,
    due: async (kind, dueMs, limit) => recordsOf(kind, await ask(dueScript, kind, storedMs(dueMs), limit)),
    list: (kind, query) =>
      page(query, async (after, length) => {
        const found = await places(kind, query, after, length)
        const records = found.length === 0 ? [] : recordsOf(kind, await ask(readScript, kind, ...found.map(({ id }) => id)))
        // Some may have moved on meanwhile.
        const fitting = records.filter(({ group, state }) => group === (query.group ?? group) && state === (query.state ?? state))
        return { records: fitting, after: found.length < length ? undefined : found.at(-1) }
      }),
    counts: async (kind) => {
      await clean()
      const flat = buffersOf(await ask(countsScript, kind))
      const counts = new Map<string, number>()
      for (let i = 0; i + 1 < flat.length; i += 2) {
        const state = textOf(String(flat[i]))
        counts.set(state, (counts.get(state) ?? 0) + Number(flat[i + 1]))
      }
      return Object.fromEntries(counts)
    },
    close: async () => {
      closed = true
      clearInterval(cleaning)
      await timeLimited(Promise.allSettled(changes), commandTimeoutMs).catch(() => undefined)
      redis.close()
    },
  }
}

const placeText = ({ createdAtMs, id }: Place): string => `${String(createdAtMs).padStart(16, '0')} ${id}`

function placeOf(text: Buffer): Place {
  const at = text.indexOf(' ')
  return { createdAtMs: Number(text.subarray(0, at)), id: text.subarray(at + 1).toString() }
}

/** Numbers become their text. */
const buffersOf = (answer: unknown): Buffer[] =>
  Array.isArray(answer) ? answer.map((part: unknown) => (Buffer.isBuffer(part) ? part : Buffer.from(String(part)))) : []

function recordsOf(kind: string, answer: unknown): StoredRecord[] {
  if (!Array.isArray(answer)) return []
  return answer.map((fields: unknown) => {
    const [id = '', group = '', state = '', due, expires, created, version, value = ''] = buffersOf(fields).map(String)
    return {
      kind,
      id: textOf(id),
      group: textOf(group),
      state: textOf(state),
      dueAtMs: msOf(due),
      expiresAtMs: msOf(expires),
      createdAtMs: Number(created),
      version: Number(version),
      value,
    }
  })
}
