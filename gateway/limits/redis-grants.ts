import { randomUUID } from 'node:crypto'
import type { RedisStoreConfig } from '../../config/model.ts'
import { redisConnection } from '../messaging/jobs/redis/connection.ts'
import { script } from '../messaging/jobs/redis/scripts.ts'
import type { GrantSource } from './grant-log.ts'
import { deadMs, limitRole, sharedGrants } from './shared-grants.ts'
import type { SharedGrantsDeps } from './shared-grants.ts'

export interface RedisGrantsOptions extends SharedGrantsDeps {
  readonly config: RedisStoreConfig
  /** Milliseconds since the epoch, for the log. */
  now(): number
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

/** Grants that the processes of all gateways share over Redis, as `sharedGrants` says. */
export function redisGrants({ config, log, now, ...deps }: RedisGrantsOptions): GrantSource {
  const me = randomUUID()
  const redis = redisConnection(config, { log, now, role: limitRole }, () => void grants.settle())
  const grants = sharedGrants(
    {
      take: async (bucket, { limit, windowMs }, demand, made) => {
        const args = [config.keyPrefix, bucket, me, limit, Math.ceil(windowMs * 1000), deadMs * 1000, made, ...demand]
        const answer = await redis.run(takeScript, [], args)
        const [first = 0, second = 0, third = 0, waitUs = 0] = Array.isArray(answer) ? answer.map(Number) : []
        return { granted: [first, second, third], nextInMs: waitUs / 1000 }
      },
      close: redis.close,
    },
    { log, ...deps },
  )
  return grants
}
