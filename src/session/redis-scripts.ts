// What must happen as one in Redis, in Lua, and the names of the keys. Scripts go by Redis's own clock: replicas'
// clocks differ, and what several of them write must expire in one order. They name keys that they read from other
// keys, which Redis Cluster does not allow and one master, with or without sentinels, does.

/** The names of one gateway's keys, and of its channel. */
export interface RedisKeys {
  readonly session: (id: string) => string
  /** Says that a session has ended, for longer than its record can be brought back. */
  readonly ended: (id: string) => string
  readonly index: (hash: string) => string
  readonly lease: (name: string) => string
  readonly mark: (name: string) => string
  readonly presence: (replica: string) => string
  /** Sets of KEEP: active session ids; replicas that have said something. */
  readonly active: string
  readonly replicas: string
  /** Which server process holds the data, and since when replicas know of it (ms by its clock). */
  readonly server: string
  readonly channel: string
}

export function redisKeys(gatewayId: string): RedisKeys {
  const prefix = `ghostwire:${gatewayId}:`
  const kind =
    (name: string) =>
    (key: string): string =>
      `${prefix}${name}:${key}`
  return {
    session: kind('session'),
    ended: kind('ended'),
    index: kind('index'),
    lease: kind('lease'),
    mark: kind('mark'),
    presence: kind('presence'),
    active: `${prefix}active`,
    replicas: `${prefix}replicas`,
    server: `${prefix}server`,
    channel: `${prefix}messages`,
  }
}

/** Of the records. One of a greater version is left alone; 0.1 wrote none, under other keys. */
export const RECORD_VERSION = 2

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

// Sets of names with their times. Each drops what has had its time and is gone after its last.
const KEEP = `
local function keep(key, name, untilTime)
  redis.call('ZADD', key, untilTime, name)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  local last = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')[2]
  if last then redis.call('PEXPIREAT', key, last) end
end
`

const BEFORE = `
local id, record, keepUntil, activeUntil, prefix = unpack(ARGV)
local stored = redis.call('GET', KEYS[1])
local isJson, before = pcall(cjson.decode, stored or 'null')
if not isJson or type(before) ~= 'table' or type(before.indexes) ~= 'table' then before = nil end
if before and (before.version or 0) > ${RECORD_VERSION} then return 0 end
local ends = tonumber(activeUntil) == 0
`

// What a full server refuses comes first, and what it allows (removing) last: a write that fails has lost nothing.
const PUT = `
local indexes = {}
for _, index in ipairs(cjson.decode(record).indexes) do
  keep(prefix .. index, id, keepUntil)
  indexes[index] = true
end
if not ends then keep(KEYS[2], id, activeUntil)
else
  local endedUntil = math.max(tonumber(keepUntil), before and tonumber(before.activeUntil) or 0)
  redis.call('SET', KEYS[4], '1')
  redis.call('PEXPIREAT', KEYS[4], string.format('%.0f', endedUntil))
end
redis.call('SET', KEYS[1], record)
redis.call('PEXPIREAT', KEYS[1], keepUntil)
if ends then redis.call('ZREM', KEYS[2], id) end
for _, index in ipairs(before and before.indexes or {}) do
  if not indexes[index] then redis.call('ZREM', prefix .. index, id) end
end
return 1
`

/** KEYS: session, active, server, ended. ARGV: id, record, keepUntil, activeUntil, index prefix, expected generation or ''. 1 or 0. */
export const WRITE: string = `${NOW}${KEEP}${BEFORE}
local expected = ARGV[6]
if expected ~= '' and not ends and redis.call('EXISTS', KEYS[4]) == 1 then return 0 end
if expected ~= '' and not (before and before.generation == tonumber(expected)) then return 0 end
${PUT}`

/** KEYS: session, active, server, ended. ARGV: as for WRITE, but at last for how many ms after its arrival. 1 or 0. */
export const RESTORE: string = `${NOW}${KEEP}${BEFORE}
local since = redis.call('HGET', KEYS[3], 'since')
if not since or now >= since + ARGV[6] then return 0 end
if not ends and redis.call('EXISTS', KEYS[4]) == 1 then return 0 end
if before then
  if before.activeUntil == 0 then return 0 end
  if not ends and before.generation >= cjson.decode(record).generation then return 0 end
end
${PUT}`

/**
 * KEYS: server. ARGV: for how many ms after a server was first seen replicas may restore what it lost. Returns the ms that are left.
 * The time counts from the first replica that saw the server, because the server may have started earlier.
 */
export const ARRIVE: string = `${NOW}
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
if redis.call('HGET', KEYS[1], 'run') ~= run then
  redis.call('HSET', KEYS[1], 'run', run, 'since', string.format('%.0f', now))
end
return math.max(0, redis.call('HGET', KEYS[1], 'since') + ARGV[1] - now)
`

/** KEYS: a set of KEEP. The names whose time has not come. */
export const NAMES: string = `${NOW}
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
`

/** KEYS: a set of KEEP. How many names NAMES would give. */
export const COUNT: string = `${NOW}
return redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf')
`

/** KEYS: lease. ARGV: holder, ms. 1, or 0 while somebody else holds it. */
export const HOLD: string = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`

/** KEYS: lease. ARGV: holder. */
export const RELEASE: string = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
`

/** KEYS: this replica's presence, replicas. ARGV: replica, ms, then session id and text by turns. */
export const WRITE_PRESENCE: string = `${NOW}${KEEP}
local said = {}
for i = 3, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  said[ARGV[i]] = true
end
for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do
  if not said[id] then redis.call('HDEL', KEYS[1], id) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
keep(KEYS[2], ARGV[1], now + ARGV[2])
`

/** KEYS: replicas. ARGV: presence prefix, then session ids. For each id the list of texts. */
export const READ_PRESENCE: string = `${NOW}
local replicas = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
local said = {}
for i = 2, #ARGV do
  local texts = {}
  for _, replica in ipairs(replicas) do
    local text = redis.call('HGET', ARGV[1] .. replica, ARGV[i])
    if text then table.insert(texts, text) end
  end
  table.insert(said, texts)
end
return said
`

/** KEYS: a mark. ARGV: number, ms. */
export const RAISE: string = `
local number, said = ARGV[1], redis.call('GET', KEYS[1])
if said and (tonumber(said) or 0) > tonumber(number) then number = said end
redis.call('SET', KEYS[1], number, 'PX', ARGV[2])
`
