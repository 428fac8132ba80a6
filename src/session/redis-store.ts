// Sessions in Redis or a compatible server, for several replicas. One connection is for calls, which fail within a second, or at
// once while no server is connected. Another one is for listening.

import { GatewayError } from '../lib/errors.ts'
import type { RedisAddress } from '../lib/store-address.ts'
import {
  connectRedis,
  DEADLINE_MS,
  redisOptions,
  type RedisConnection,
} from './redis-connection.ts'
import {
  ARRIVE,
  COUNT,
  HOLD,
  NAMES,
  RAISE,
  READ_PRESENCE,
  RECORD_VERSION,
  redisKeys,
  RELEASE,
  RESTORE,
  WRITE,
  WRITE_PRESENCE,
} from './redis-scripts.ts'
import { subscribeToRedis } from './redis-subscription.ts'
import type { SessionRecord, SessionStore } from './session-store.ts'
import type { Attempt, StoreTrouble } from './store-failure.ts'

/** For so long after a server came (back), replicas write back what it lost: all have found it by then. */
const RESTORE_MS = 10_000

export interface RedisStoreOptions {
  /** Part of every key name: gateways that share a server do not see each other's keys. */
  readonly gatewayId: string
  readonly caFile: string | undefined
  readonly trouble: StoreTrouble
  /** The server answers again after a failure. */
  readonly onRecovered: () => void
}

/** Resolves after the first attempt to connect, successful or not: the gateway starts without Redis too. */
export async function openRedisStore(
  address: RedisAddress,
  { caFile, gatewayId, trouble, onRecovered }: RedisStoreOptions,
): Promise<SessionStore> {
  const options = redisOptions(address, caFile)
  const keys = redisKeys(gatewayId)
  const subscriptions: Pick<RedisConnection, 'close'>[] = []
  const returned: ((ms: number) => void)[] = []
  let isDown = false
  let hasGreeted = false
  let wasHereBefore = false
  let greeting: Promise<void> | undefined
  const { client, check, tried, close } = connectRedis(options, {
    onReady: () => void (greeting = greet()),
    onFailure(error) {
      isDown = true
      hasGreeted = false
      trouble.tell(error)
    },
  })

  /** Finds out whether the server may have lost data, before anything is read from it. */
  async function greet(): Promise<void> {
    let left: number
    try {
      left = Number(await run(ARRIVE, [keys.server], RESTORE_MS))
    } catch (error) {
      trouble.tell(withAdvice(error, gatewayId))
      // Between two connections there is nothing to close.
      if (client.status === 'ready') client.disconnect(true)
      return
    }
    hasGreeted = true
    trouble.reset()
    if (isDown) onRecovered()
    isDown = false
    // At its first connection a replica has nothing to restore. The last writes of other replicas may still be on their way.
    if (wasHereBefore) for (const tell of returned) tell(left > 0 ? left + DEADLINE_MS : 0)
    wasHereBefore = true
  }

  const attempt: Attempt = (call) =>
    trouble.attempt(() => {
      check()
      if (!hasGreeted) throw new Error('the connection is not ready yet')
      return Promise.resolve(call()).catch((error: unknown) => {
        throw withAdvice(error, gatewayId)
      })
    })
  const run = (
    script: string,
    names: readonly string[],
    ...args: readonly (string | number)[]
  ): Promise<unknown> => client.eval(script, names.length, ...names, ...args)
  async function write(
    script: string,
    id: string,
    record: SessionRecord,
    last: number | '',
  ): Promise<boolean> {
    const { keepUntil, activeUntil } = record
    const names = [keys.session(id), keys.active, keys.server, keys.ended(id)]
    const text = JSON.stringify({ ...record, version: RECORD_VERSION })
    const args = [id, text, keepUntil, activeUntil, keys.index(''), last]
    return (await run(script, names, ...args)) === 1
  }

  await tried
  await greeting
  return {
    create: (id, record) => attempt(() => write(WRITE, id, record, '').then(() => undefined)),
    read: (ids) =>
      attempt(async () => {
        if (ids.length === 0) return []
        // A key of another type reads as nothing.
        const found = await client.mget([...ids.map(keys.session), ...ids.map(keys.ended)])
        return ids.map((_, index) => {
          const record = readRecord(found[index] ?? null)
          if (record === 'newer') trouble.tell(newerRecords())
          if (record === undefined || record === 'newer') return undefined
          const hasEnded = found[ids.length + index] !== null
          return hasEnded && record.activeUntil !== 0 ? undefined : record
        })
      }),
    replace: (id, record, expectedGeneration) =>
      attempt(() => write(WRITE, id, record, expectedGeneration)),
    restore: (id, record) => attempt(() => write(RESTORE, id, record, RESTORE_MS)),
    find: (index) => attempt(async () => (await run(NAMES, [keys.index(index)])) as string[]),
    list: () => attempt(async () => (await run(NAMES, [keys.active])) as string[]),
    countActive: () => attempt(async () => (await run(COUNT, [keys.active])) as number),
    hold: (lease, holder, ms) =>
      attempt(async () => (await run(HOLD, [keys.lease(lease)], holder, ms)) === 1),
    release: (lease, holder) =>
      attempt(() => run(RELEASE, [keys.lease(lease)], holder).then(() => undefined)),
    raise: (key, number, ms) =>
      attempt(() => run(RAISE, [keys.mark(key)], number, ms).then(() => undefined)),
    recall: (key) => attempt(async () => (await client.get(keys.mark(key))) ?? undefined),
    writePresence: (replica, entries, ms) =>
      attempt(async () => {
        const names = [keys.presence(replica), keys.replicas]
        await run(WRITE_PRESENCE, names, replica, ms, ...[...entries].flat())
      }),
    readPresence: (ids) =>
      attempt(async () => {
        const said = await run(READ_PRESENCE, [keys.replicas], keys.presence(''), ...ids)
        return said as string[][]
      }),
    publish: (message) =>
      attempt(() => client.publish(keys.channel, message).then(() => undefined)),
    subscribe(onMessage, onSubscribed) {
      const onFailure = (error: unknown): void => trouble.tell(error)
      subscriptions.push(
        subscribeToRedis(options, keys.channel, { onMessage, onSubscribed, onFailure }),
      )
    },
    onReturned: (listener) => void returned.push(listener),
    async close() {
      await Promise.all([close(), ...subscriptions.map((subscription) => subscription.close())])
    },
  }
}

/** Undefined for foreign data: it is no session, and the other records of the same call must still be returned. */
function readRecord(text: string | null): SessionRecord | 'newer' | undefined {
  let found: Partial<SessionRecord & { version: number }> | null
  try {
    found = JSON.parse(text ?? 'null') as typeof found
  } catch {
    return undefined
  }
  const { version, envelope, vault, indexes, generation, activeUntil, keepUntil } = found ?? {}
  if (typeof version === 'number' && version > RECORD_VERSION) return 'newer'
  const numbers = [generation, activeUntil, keepUntil]
  const isWhole =
    version === RECORD_VERSION &&
    typeof envelope === 'string' &&
    (vault === undefined || typeof vault === 'string') &&
    Array.isArray(indexes) &&
    numbers.every(Number.isSafeInteger)
  // JSON leaves out what is undefined.
  return isWhole
    ? ({ envelope, vault, indexes, generation, activeUntil, keepUntil } as SessionRecord)
    : undefined
}

function newerRecords(): GatewayError {
  const words =
    'the store holds sessions of a newer version of the gateway; they are left alone, and their people have to sign in again here'
  return new GatewayError('store-unavailable', words, { cause: new Error(words) })
}

/** Says what an operator can do. Names no single key: the log tells the same trouble once a minute. */
function withAdvice(error: unknown, gatewayId: string): unknown {
  const { message } = error instanceof Error ? error : new Error()
  if (message.startsWith('OOM '))
    return new Error('Redis is full: raise its maxmemory, or give the gateway a server of its own')
  if (message.startsWith('WRONGTYPE '))
    return new Error(
      `something else wrote to a key under ghostwire:${gatewayId}: in Redis; delete what is not of the gateway's type there, or give the gateway a database of its own`,
    )
  return error
}
