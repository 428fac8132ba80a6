// What must happen as one in Redis, in Lua, and the names of the keys. Scripts go by Redis's own clock: replicas'
// clocks differ, and what several of them write must expire in one order. They name keys that they read from other
// keys, which Redis Cluster does not allow and one master, with or without sentinels, does.

const PREFIX = 'ghostwire:'

const key =
  (kind: string) =>
  (name: string): string =>
    `${PREFIX}${kind}:${name}`

type Key = ReturnType<typeof key>

export const sessionKey: Key = key('session')
export const indexKey: Key = key('index')
export const leaseKey: Key = key('lease')
export const markKey: Key = key('mark')
export const presenceKey: Key = key('presence')
/** Sets of KEEP: active session ids; replicas that have said something. */
export const ACTIVE: string = `${PREFIX}active`
export const REPLICAS: string = `${PREFIX}replicas`
export const CHANNEL: string = `${PREFIX}messages`

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

/** KEYS: session, active. ARGV: id, record, keepUntil, activeUntil, expected generation or '', index prefix. 1 or 0. */
export const WRITE: string = `${NOW}${KEEP}
local id, record, keepUntil, activeUntil, expected, prefix = unpack(ARGV)
local stored = redis.call('GET', KEYS[1])
local before = stored and cjson.decode(stored)
if expected ~= '' and not (before and before.generation == tonumber(expected)) then return 0 end
for _, index in ipairs(before and before.indexes or {}) do redis.call('ZREM', prefix .. index, id) end
for _, index in ipairs(cjson.decode(record).indexes) do keep(prefix .. index, id, keepUntil) end
if tonumber(activeUntil) > 0 then keep(KEYS[2], id, activeUntil)
else redis.call('ZREM', KEYS[2], id) end
redis.call('SET', KEYS[1], record)
redis.call('PEXPIREAT', KEYS[1], keepUntil)
return 1
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
redis.call('DEL', KEYS[1])
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
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
if said and tonumber(said) > tonumber(number) then number = said end
redis.call('SET', KEYS[1], number, 'PX', ARGV[2])
`
