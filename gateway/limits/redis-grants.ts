import { randomUUID } from 'node:crypto'
import type { RateConfig, RedisStoreConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { BrokerLog } from '../messaging/broker.ts'
import { redisConnection } from '../messaging/jobs/redis/connection.ts'
import { script } from '../messaging/jobs/redis/scripts.ts'
import type { StoreRole } from '../messaging/jobs/store-trouble.ts'
import { grantLog, total } from './grant-log.ts'
import type { Demand, Grants, GrantSource } from './grant-log.ts'

export interface RedisGrantsOptions {
  readonly config: RedisStoreConfig
  readonly log: BrokerLog
  /** Milliseconds since the epoch, for the log. */
  now(): number
  /** Milliseconds on a monotonic clock, for the grants of this process while Redis is away. */
  monotonicNow(): number
  /** So many grants were given without Redis. */
  onAlone?(grants: number): void
}

/** A process that waits asks at least so often, and is taken for dead after the second: grants are no longer kept for it. */
const askAgainMs = 5000
const deadMs = 12_000

const role: StoreRole = {
  name: 'the Redis of the rate limits',
  unavailable: (cause) => new GatewayError('STATE_UNAVAILABLE', { cause }),
}

/**
 * One list per bucket has the time of each grant, the oldest first, by the clock of the server in microseconds. Should that be set back, time
 * stands still until it has caught up. Who waits is noted for the others: what he can have is left by those of lower priority.
 * Answers the grants of each priority, and the microseconds until the next one.
 */
const takeScript = script(`
local prefix, bucket, me, limit, window, dead, made = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local wanted = {tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])}
local times, waiting = prefix .. 'limit:' .. bucket, prefix .. 'limit-waiting:' .. bucket
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
now = math.max(now, tonumber(redis.call('LINDEX', times, -1) or '0'))
local stamp = string.format('%.0f', now)
local function add(count)
  for _ = 1, count do redis.call('RPUSH', times, stamp) end
end

while true do
  local first = redis.call('LINDEX', times, 0)
  if not first or now - tonumber(first) < window then break end
  redis.call('LPOP', times)
end
add(made)

local others = {0, 0, 0}
local notes = redis.call('HGETALL', waiting)
for i = 1, #notes, 2 do
  local first, second, third, untill = string.match(notes[i + 1], '^(%d+) (%d+) (%d+) (%d+)$')
  if tonumber(untill) < now then
    redis.call('HDEL', waiting, notes[i])
  elseif notes[i] ~= me then
    others[1], others[2], others[3] = others[1] + first, others[2] + second, others[3] + third
  end
end

local free = limit - redis.call('LLEN', times)
local granted, kept, missing = {0, 0, 0}, 0, 0
for priority = 1, 3 do
  granted[priority] = math.max(0, math.min(wanted[priority], free - kept))
  free = free - granted[priority]
  add(granted[priority])
  missing = missing + wanted[priority] - granted[priority]
  kept = kept + others[priority]
end

local wait = 0
if missing > 0 then
  local length = redis.call('LLEN', times)
  -- Free, but kept for others: they will come for it soon.
  wait = 50000
  if length >= limit then wait = math.max(1, tonumber(redis.call('LINDEX', times, length - limit)) + window - now) end
  local left = {wanted[1] - granted[1], wanted[2] - granted[2], wanted[3] - granted[3]}
  redis.call('HSET', waiting, me, string.format('%d %d %d %.0f', left[1], left[2], left[3], now + dead))
  redis.call('PEXPIRE', waiting, math.ceil(dead / 1000))
else
  redis.call('HDEL', waiting, me)
end
redis.call('PEXPIRE', times, math.ceil(window / 1000) + 60000)
return {granted[1], granted[2], granted[3], wait}
`)

/**
 * Grants that the processes of all gateways share: together they get no more than the limit. They come from Redis in one step for all who
 * wait here.
 *
 * While Redis is away the provider is protected less well, and calls go on: a lost Redis must not stop payments. Each process then keeps the
 * limit by itself, what it was granted before included, so that N processes may reach N times the limit. It is said in the log once, and
 * counted; what was granted meanwhile is told to Redis when it is back. A question that Redis answers too late, or a failover in the moment of
 * a grant, makes it count some twice, or not at all; that is over after one window.
 */
export function redisGrants({ config, log, now, monotonicNow, onAlone }: RedisGrantsOptions): GrantSource {
  const me = randomUUID()
  const redis = redisConnection(config, { log, now, role }, () => void settle())
  /** All that this process was granted. */
  const own = grantLog(monotonicNow)
  /** What of it Redis does not know. */
  const owed = grantLog(monotonicNow)
  const debts = new Map<string, RateConfig>()
  let alone = false
  let closed = false

  const shared = async (bucket: string, rate: RateConfig, demand: Demand): Promise<Grants> => {
    const owes = owed.count(bucket, rate)
    const args = [rate.limit, Math.ceil(rate.windowMs * 1000), deadMs * 1000, owes, ...demand]
    const answer = await redis.run(takeScript, [], [config.keyPrefix, bucket, me, ...args])
    const [first = 0, second = 0, third = 0, waitUs = 0] = Array.isArray(answer) ? answer.map(Number) : []
    owed.forget(bucket)
    debts.delete(bucket)
    const granted: Demand = [first, second, third]
    own.note(bucket, rate, total(granted))
    if (alone) log.info({}, 'the rate limits are shared again')
    alone = false
    return { granted, nextInMs: waitUs / 1000, askInMs: Math.min(waitUs / 1000, askAgainMs) }
  }

  /** Before anybody here needs more, others must know what was granted. What cannot be told now is told with the next question. */
  const settle = async (): Promise<void> => {
    await Promise.allSettled([...debts].map(([bucket, rate]) => shared(bucket, rate, [0, 0, 0])))
  }

  return {
    take: async (bucket, rate, demand) => {
      try {
        return await shared(bucket, rate, demand)
      } catch (error) {
        if (!alone && !closed) log.warn({ err: error }, 'each process keeps the rate limits by itself until Redis is back')
        alone = true
        const grants = own.take(bucket, rate, demand)
        if (total(grants.granted) > 0) {
          owed.note(bucket, rate, total(grants.granted))
          debts.set(bucket, rate)
          onAlone?.(total(grants.granted))
        }
        return { ...grants, askInMs: Math.min(grants.nextInMs, askAgainMs) }
      }
    },
    close: () => {
      closed = true
      redis.close()
    },
  }
}
