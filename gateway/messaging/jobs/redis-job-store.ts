import { randomUUID } from 'node:crypto'
import type { RedisStoreConfig } from '../../../config/model.ts'
import type { BrokerLog } from '../broker.ts'
import { GatewayError } from '../../errors.ts'
import { endedStates } from './job-store.ts'
import type { Begun, Job, JobChange, JobRequest, JobStore } from './job-store.ts'
import { claimLimitMs, intentOf, openTtlMs, storable, unstoredTtlMs } from './job-values.ts'
import { endOf, jobWaiters } from './job-waiters.ts'
import { arrears } from './redis/arrears.ts'
import { redisConnection } from './redis/connection.ts'
import { endings } from './redis/endings.ts'
import { fieldsOfChange, jobOfFields } from './redis/job-fields.ts'
import { replication } from './redis/replication.ts'
import { beginScript, endedScript, forgetScript, getScript, storedScript, updateScript } from './redis/scripts.ts'
import { timeLimited } from './redis/time-limit.ts'
import { storeUnavailable } from './store-trouble.ts'

export interface RedisJobStoreOptions {
  readonly config: RedisStoreConfig
  /** How long a job can be asked for after it ended; `Infinity` for ever. */
  readonly statusTtlMs: number
  readonly log: BrokerLog
  /** Milliseconds since the epoch. */
  now(): number
  /** A gateway that was not heard of for this long is taken for dead, and its claims are free for the same request. Default 10,000. */
  readonly leaseMs?: number
  /** A claim is over after this although its gateway lives. Default 60,000. */
  readonly claimMs?: number
}

/** What a request has claimed here, until its message is stored or given up. */
interface Claim {
  /** Of the request, which is not always the id of its message. */
  readonly token: string
  readonly queue: string
  readonly atMs: number
  /** Key of the intent, where the request has an idempotency key. */
  readonly intent: { readonly key: string; readonly fingerprint: string; readonly ttlMs: number } | undefined
}

/** Of each process; beyond them, a key that a failover lost in the moment of its use cannot be made anew. */
const maxClaims = 10_000

const idsPerLook = 500

/**
 * Statuses and idempotency keys in Redis, shared by gateways on many machines. It fails closed: what cannot be claimed is not published.
 *
 * Each step is one script. A claim counts when as many replicas have it as the configuration wants; a claim whose request was told
 * otherwise is withdrawn. What consumers report, and what became of claims, is made up for when the store is back.
 */
export function redisJobStore({ config, statusTtlMs, log, now, leaseMs = 10_000, claimMs = claimLimitMs }: RedisJobStoreOptions): JobStore {
  const { keyPrefix: prefix, commandTimeoutMs } = config
  const keepMs = bounded(statusTtlMs)
  const owner = randomUUID()
  const channel = `${prefix}ended`
  const jobKey = (id: string): string => `${prefix}job:${id}`
  const ownerKey = `${prefix}owner:${owner}`
  const voidKey = (token: string): string => `${prefix}void:${token}`

  const claims = new Map<string, Claim>()
  const owed = arrears(log)
  const redis = redisConnection(config, { log, now }, () => void owed.settle())
  const replicas = replication(config, redis)
  const heard = endings(config, channel, now, (id) => waiters.ended(id))
  const waiters = jobWaiters({ version: heard.version, endedOf })
  const upkeep = setInterval(() => {
    // A gateway without claims has nothing that could be taken over.
    if (claims.size > 0) redis.call('set', ownerKey, '1', 'px', leaseMs).catch(() => undefined)
    void owed.settle()
  }, leaseMs / 3).unref()

  const intentKeys = ({ intent }: Claim): string[] => (intent === undefined ? [] : [intent.key])

  const remember = (id: string, claim: Claim): void => {
    const [oldest] = claims.keys()
    if (claims.size >= maxClaims && oldest !== undefined) claims.delete(oldest)
    claims.set(id, claim)
  }

  const claimed = async ({ id, queue }: JobRequest, claim: Claim): Promise<Begun | undefined> => {
    const { atMs, intent } = claim
    const write = (): Promise<unknown> =>
      redis.run(
        beginScript,
        [ownerKey, voidKey(id), ...intentKeys(claim)],
        [prefix, id, queue, atMs, owner, leaseMs, claimMs, unstoredTtlMs, intent?.fingerprint ?? '', intent?.ttlMs ?? 0],
      )
    return begunOf(await (intent === undefined ? write() : replicas.confirmed(write)))
  }

  /** The request was told that its claim does not count. Perhaps it stands nevertheless, or is on its way. */
  const withdraw = (id: string, claim: Claim): void => {
    owed.owe(`withdraw ${id}`, 0, () => redis.run(forgetScript, [jobKey(id), voidKey(claim.token), ...intentKeys(claim)], [claim.token, claimMs]))
  }

  const forget = async (id: string, claim: Claim): Promise<void> => {
    await redis.run(forgetScript, [jobKey(id), voidKey(claim.token), ...intentKeys(claim)], [claim.token, 0])
  }

  const markStored = async (id: string, claim: Claim | undefined): Promise<Job | undefined> => {
    const open = Math.max(keepMs, openTtlMs)
    const { queue, atMs, intent } = claim ?? { queue: '', atMs: 0, intent: undefined }
    const write = (): Promise<unknown> =>
      redis.run(
        storedScript,
        [jobKey(id), ...(claim === undefined ? [] : intentKeys(claim))],
        [id, open, claim === undefined ? 0 : 1, queue, atMs, intent?.fingerprint ?? '', intent?.ttlMs ?? 0],
      )
    return jobOfFields(id, await (intent === undefined ? write() : replicas.confirmed(write)))
  }

  const change = async (id: string, atMs: number, to: JobChange, late: boolean): Promise<void> => {
    const ended = endedStates.has(to.state)
    const ttlMs = ended ? keepMs : Math.max(keepMs, openTtlMs)
    await redis.run(updateScript, [jobKey(id)], [channel, id, to.state, atMs, late ? 1 : 0, ttlMs, ended ? 1 : 0, ...fieldsOfChange(to)])
  }

  const get = async (id: string): Promise<Job | undefined> => jobOfFields(id, await redis.run(getScript, [jobKey(id)], []))

  async function endedOf(ids: readonly string[]): Promise<readonly string[]> {
    const found: string[] = []
    for (let from = 0; from < ids.length; from += idsPerLook) {
      const some = ids.slice(from, from + idsPerLook)
      const places = await redis.run(endedScript, some.map(jobKey), [])
      if (Array.isArray(places)) found.push(...places.flatMap((place: unknown) => some[Number(place) - 1] ?? []))
    }
    return found
  }

  return {
    begin: async (request) => {
      const { id, queue, idempotency } = request
      const intent = idempotency && {
        key: `${prefix}intent:${intentOf(idempotency)}`,
        fingerprint: idempotency.fingerprint,
        ttlMs: bounded(idempotency.ttlMs),
      }
      const claim: Claim = { token: id, queue, atMs: now(), intent }
      try {
        const begun = await inTime(claimed(request, claim), commandTimeoutMs)
        if (begun === undefined) throw storeUnavailable(new Error('the claim came too late'))
        if (begun.outcome === 'new') remember(begun.id, claim)
        redis.works()
        return begun
      } catch (error) {
        if (intent !== undefined && error instanceof GatewayError && error.sent) withdraw(id, claim)
        throw error
      }
    },
    stored: async (id) => {
      const claim = claims.get(id)
      try {
        const job = await inTime(markStored(id, claim), commandTimeoutMs)
        if (job === undefined) throw new Error(`no job ${id}`)
        claims.delete(id)
        return job
      } catch (error) {
        // The message is in its queue, and its sender is told so: the key must say it too. Until then the claim keeps the key.
        if (claim !== undefined) owed.owe(`stored ${id}`, 0, () => markStored(id, claim).then(() => claims.delete(id)))
        throw error
      }
    },
    forget: async (id) => {
      const claim = claims.get(id)
      if (claim === undefined) return
      claims.delete(id)
      try {
        await forget(id, claim)
      } catch (error) {
        owed.owe(`forget ${id}`, 0, () => forget(id, claim))
        throw error
      }
    },
    update: async (id, to) => {
      const atMs = now()
      const kept = storable(to)
      owed.drop(`update ${id}`)
      try {
        await change(id, atMs, kept, false)
        if (endedStates.has(to.state)) waiters.ended(id)
      } catch {
        owed.owe(`update ${id}`, kept.result?.body?.length ?? 0, () => change(id, atMs, kept, true))
      }
    },
    get,
    wait: endOf(waiters, get),
    close: async () => {
      clearInterval(upkeep)
      waiters.close()
      heard.close()
      await timeLimited(owed.settle(), commandTimeoutMs).catch(() => undefined)
      redis.close()
    },
  }
}

/** @throws {GatewayError} BROKER_UNAVAILABLE when `work` takes longer. */
const inTime = <Value>(work: Promise<Value>, ms: number): Promise<Value> => timeLimited(work, ms, storeUnavailable)

/** Undefined for a request that was told otherwise before its claim arrived. */
function begunOf(answer: unknown): Begun | undefined {
  if (!Array.isArray(answer)) throw new TypeError('the store answered what is no claim')
  const [outcome, id, fields] = (answer as readonly unknown[]).map((part) => (Buffer.isBuffer(part) ? part.toString() : part))
  switch (outcome) {
    case 'new':
      return { outcome, id: String(id) }
    case 'known': {
      const job = jobOfFields(String(id), fields)
      return job && { outcome, job }
    }
    case 'in_progress':
    case 'conflict':
      return { outcome }
    default:
      return undefined
  }
}

/** Redis counts in whole numbers; a hundred years are for ever. */
const bounded = (ms: number): number => Math.min(ms, 3.2e12)
