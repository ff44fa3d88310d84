import { script } from '../messaging/jobs/redis/scripts.ts'
import { never } from './record-values.ts'

/**
 * A record is a hash. Beside it, all under the prefix of the store:
 * - `records:made:KIND:STATE\0GROUP`: the places of records in a list, `CREATED ID` with the time in 16 digits, in the order of their bytes;
 * - `records:pairs:KIND`: which states and groups those are;
 * - `records:due:KIND` and `records:expiring`: by time; those without one are not in them.
 * Expiry goes by the clock of the server, so that gateways with different clocks agree on what is over.
 */
const common = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local prefix = ARGV[1]
local never = ${never}

local function record_key(kind, id) return prefix .. 'record:' .. kind .. ':' .. id end
local function place(created, id) return string.format('%016.0f', tonumber(created)) .. ' ' .. id end
local function made_key(kind, pair) return prefix .. 'records:made:' .. kind .. ':' .. pair end

local function enlist(kind, id, created, state, group)
  local pair = state .. '\\0' .. group
  redis.call('ZADD', made_key(kind, pair), 0, place(created, id))
  redis.call('SADD', prefix .. 'records:pairs:' .. kind, pair)
end
local function unlist(kind, id, created, state, group)
  local pair = state .. '\\0' .. group
  redis.call('ZREM', made_key(kind, pair), place(created, id))
  if redis.call('EXISTS', made_key(kind, pair)) == 0 then redis.call('SREM', prefix .. 'records:pairs:' .. kind, pair) end
end
local function at(index, ms, member)
  if tonumber(ms) < never then redis.call('ZADD', index, ms, member) else redis.call('ZREM', index, member) end
end
local function drop(kind, id)
  local found = redis.call('HMGET', record_key(kind, id), 'created', 'state', 'group')
  if found[1] then unlist(kind, id, found[1], found[2], found[3]) end
  redis.call('ZREM', prefix .. 'records:due:' .. kind, id)
  redis.call('ZREM', prefix .. 'records:expiring', kind .. ':' .. id)
  redis.call('DEL', record_key(kind, id))
end
local function version_of(kind, id)
  local found = redis.call('HMGET', record_key(kind, id), 'version', 'expires')
  if found[1] and tonumber(found[2]) > now then return found[1] end
  if found[1] then drop(kind, id) end
  return '0'
end
-- Nothing for one that is not there.
local function read(kind, id)
  local found = redis.call('HMGET', record_key(kind, id), 'group', 'state', 'due', 'expires', 'created', 'version', 'value')
  if not found[1] or tonumber(found[4]) <= now then return nil end
  table.insert(found, 1, id)
  return found
end
`

/** Answers the new version, or 0 where the record has another one than was expected. */
export const putScript = script(`${common}
local kind, id, expected, group, state, due, expires, created, value = unpack(ARGV, 2)
if version_of(kind, id) ~= expected then return 0 end
local key = record_key(kind, id)
local before = redis.call('HMGET', key, 'created', 'state', 'group')
if before[1] then
  created = before[1]
  if before[2] ~= state or before[3] ~= group then unlist(kind, id, created, before[2], before[3]) end
end
enlist(kind, id, created, state, group)
at(prefix .. 'records:due:' .. kind, due, id)
at(prefix .. 'records:expiring', expires, kind .. ':' .. id)
redis.call('HSET', key, 'group', group, 'state', state, 'due', due, 'expires', expires, 'created', created, 'value', value)
return redis.call('HINCRBY', key, 'version', 1)
`)

export const removeScript = script(`${common}
local kind, id, expected = unpack(ARGV, 2)
if version_of(kind, id) ~= expected or expected == '0' then return 0 end
drop(kind, id)
return 1
`)

/** Answers the fields of those records that are there. */
export const readScript = script(`${common}
local found = {}
for i = 3, #ARGV do found[#found + 1] = read(ARGV[2], ARGV[i]) end
return found
`)

export const dueScript = script(`${common}
local kind, at_ms, limit = ARGV[2], ARGV[3], tonumber(ARGV[4])
local index, found = prefix .. 'records:due:' .. kind, {}
while #found < limit do
  local ids = redis.call('ZRANGEBYSCORE', index, '-inf', at_ms, 'LIMIT', #found, limit - #found)
  if #ids == 0 then break end
  for _, id in ipairs(ids) do
    local record = read(kind, id)
    if record then found[#found + 1] = record else drop(kind, id) end
  end
end
return found
`)

/** Answers the next places of each state and group that is asked for; who asks puts them in order. */
export const placesScript = script(`${common}
local kind, after, length, by_state, state, by_group, group = unpack(ARGV, 2)
local found = {}
for _, pair in ipairs(redis.call('SMEMBERS', prefix .. 'records:pairs:' .. kind)) do
  local cut = string.find(pair, '\\0', 1, true)
  local wanted = (by_state == '0' or string.sub(pair, 1, cut - 1) == state) and (by_group == '0' or string.sub(pair, cut + 1) == group)
  if wanted then
    for _, one in ipairs(redis.call('ZREVRANGEBYLEX', made_key(kind, pair), '(' .. after, '-', 'LIMIT', 0, length)) do found[#found + 1] = one end
  end
end
return found
`)

/** Answers states and numbers in turn; a state comes once for each group. */
export const countsScript = script(`${common}
local kind, found = ARGV[2], {}
for _, pair in ipairs(redis.call('SMEMBERS', prefix .. 'records:pairs:' .. kind)) do
  found[#found + 1] = string.sub(pair, 1, string.find(pair, '\\0', 1, true) - 1)
  found[#found + 1] = redis.call('ZCARD', made_key(kind, pair))
end
return found
`)

/** Removes a bounded number of what has expired; answers how many. */
export const cleanScript = script(`${common}
local members = redis.call('ZRANGEBYSCORE', prefix .. 'records:expiring', '-inf', now, 'LIMIT', 0, ARGV[2])
for _, member in ipairs(members) do
  local cut = string.find(member, ':', 1, true)
  drop(string.sub(member, 1, cut - 1), string.sub(member, cut + 1))
end
return #members
`)
