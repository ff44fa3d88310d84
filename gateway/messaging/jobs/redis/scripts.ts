import { createHash } from 'node:crypto'

/** A Lua script: what it does happens in one step, whatever else the server is asked meanwhile. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

export const script = (lua: string): Script => ({ lua, sha: createHash('sha1').update(lua).digest('hex') })

/** Milliseconds by the clock of the server, so that gateways with different clocks agree on what is over. */
const clock = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function whole(number) return string.format('%.0f', number) end
`

/** @see JobStore.begin. Answers `{outcome}`, `{'new', id}` or `{'known', id, fields of the job}`. */
export const beginScript = script(`${clock}
local owner_key, void_key, intent_key = KEYS[1], KEYS[2], KEYS[3]
local prefix, id, queue, at, owner, lease, claim, unstored, fingerprint, ttl = unpack(ARGV)
if redis.call('EXISTS', void_key) == 1 then return {'void'} end

local function make_job(job_id, keep)
  local key = prefix .. 'job:' .. job_id
  if redis.call('EXISTS', key) == 1 then return end
  redis.call('HSET', key, 'queue', queue, 'state', 'queued', 'stored', '0', 'created', at, 'updated', at, 'attempts', '0', 'keep', whole(keep))
  redis.call('PEXPIREAT', key, whole(math.max(now + unstored, keep)))
end
if not intent_key then
  make_job(id, 0)
  return {'new', id}
end

redis.call('SET', owner_key, '1', 'PX', lease)
local function make()
  redis.call('DEL', intent_key)
  redis.call('HSET', intent_key, 'id', id, 'fingerprint', fingerprint, 'owner', owner, 'token', id, 'until', whole(now + claim))
  redis.call('PEXPIRE', intent_key, ttl)
  make_job(id, now + ttl)
  return {'new', id}
end
local intent = redis.call('HMGET', intent_key, 'id', 'fingerprint', 'owner', 'until')
local known_id, known_owner = intent[1], intent[3]
if not known_id then return make() end

local same = intent[2] == fingerprint
local job_key = prefix .. 'job:' .. known_id
if redis.call('HGET', job_key, 'stored') == '1' then
  if same then return {'known', known_id, redis.call('HGETALL', job_key)} end
  return {'conflict'}
end
local held = known_owner ~= '' and tonumber(intent[4]) > now and redis.call('EXISTS', prefix .. 'owner:' .. known_owner) == 1
if held then return {same and 'in_progress' or 'conflict'} end
-- Given up in good order: the key may be used for anything. After a crash the message may be in its queue, so that another one is refused.
if not same then
  if known_owner == '' then return make() end
  return {'conflict'}
end
redis.call('HSET', intent_key, 'owner', owner, 'token', id, 'until', whole(now + claim))
make_job(known_id, now + redis.call('PTTL', intent_key))
return {'new', known_id}
`)

/** Marks a job as stored; makes it and its key anew where a failover has lost them. Answers its fields, or nothing for an unknown one. */
export const storedScript = script(`${clock}
local job_key, intent_key = KEYS[1], KEYS[2]
local id, open, claimed, queue, at, fingerprint, ttl = unpack(ARGV)
local keep = tonumber(redis.call('HGET', job_key, 'keep') or '0')
if redis.call('EXISTS', job_key) == 0 then
  if claimed == '0' then return {} end
  keep = intent_key and now + ttl or 0
  redis.call('HSET', job_key, 'queue', queue, 'state', 'queued', 'created', at, 'updated', at, 'attempts', '0', 'keep', whole(keep))
end
if intent_key and redis.call('EXISTS', intent_key) == 0 then
  redis.call('HSET', intent_key, 'id', id, 'fingerprint', fingerprint, 'owner', '', 'token', '', 'until', '0')
  redis.call('PEXPIRE', intent_key, ttl)
end
redis.call('HSET', job_key, 'stored', '1')
redis.call('PEXPIREAT', job_key, whole(math.max(now + open, keep, now + redis.call('PTTL', job_key))))
return redis.call('HGETALL', job_key)
`)

/**
 * Frees the key that a request has claimed, which its token shows. With a time in \`void\` the request is void from now on: its claim, should
 * it still be on its way over a connection that was given up, claims nothing.
 */
export const forgetScript = script(`
local job_key, void_key, intent_key = KEYS[1], KEYS[2], KEYS[3]
local token, void = unpack(ARGV)
if void ~= '0' then redis.call('SET', void_key, '1', 'PX', void) end
if intent_key then
  if redis.call('HGET', intent_key, 'token') == token then redis.call('HSET', intent_key, 'owner', '', 'token', '', 'until', '0') end
elseif redis.call('HGET', job_key, 'stored') == '0' then
  redis.call('DEL', job_key)
end
return 1
`)

/** Changes a job, and tells those who wait for its end. A change that comes late is given up where a newer one was made. */
export const updateScript = script(`${clock}
local job_key = KEYS[1]
local channel, id, state, at, late, ttl, ended, attempts, failed, error_type, error_message, worked, status, content_type, has_body, body = unpack(ARGV)
local before = redis.call('HMGET', job_key, 'state', 'updated', 'keep')
-- Once its effect has happened a message is done, whatever becomes of further copies.
if not before[1] or before[1] == 'completed' then return 0 end
if late == '1' and tonumber(before[2]) > tonumber(at) then return 0 end
redis.call('HSET', job_key, 'stored', '1', 'state', state, 'updated', at)
if attempts ~= '' then redis.call('HSET', job_key, 'attempts', attempts) end
if failed == '1' then redis.call('HSET', job_key, 'error_type', error_type, 'error_message', error_message) end
if state == 'completed' then redis.call('HDEL', job_key, 'error_type', 'error_message') end
redis.call('HDEL', job_key, 'status', 'content_type', 'body')
if worked == '1' then
  redis.call('HSET', job_key, 'status', status)
  if content_type ~= '' then redis.call('HSET', job_key, 'content_type', content_type) end
  if has_body == '1' then redis.call('HSET', job_key, 'body', body) end
end
redis.call('PEXPIREAT', job_key, whole(math.max(now + ttl, tonumber(before[3] or '0'))))
if ended == '1' then redis.call('PUBLISH', channel, id) end
return 1
`)

export const getScript = script(`return redis.call('HGETALL', KEYS[1])`)

/** Places of those keys whose jobs have ended, counted from 1. */
export const endedScript = script(`
local places = {}
for place, key in ipairs(KEYS) do
  local state = redis.call('HGET', key, 'state')
  if state == 'completed' or state == 'failed' or state == 'dead_lettered' then places[#places + 1] = place end
end
return places
`)
