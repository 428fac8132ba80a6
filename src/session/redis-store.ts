// Sessions in Redis (or what speaks its protocol): many replicas, one truth. One connection for calls, which fail
// within a second and at once while there is no server, and one for listening.

import type { RedisAddress } from '../lib/store-address.ts'
import { connectRedis, redisOptions, type RedisConnection } from './redis-connection.ts'
import {
  ACTIVE,
  CHANNEL,
  COUNT,
  HOLD,
  indexKey,
  leaseKey,
  markKey,
  NAMES,
  presenceKey,
  RAISE,
  READ_PRESENCE,
  RELEASE,
  REPLICAS,
  sessionKey,
  WRITE,
  WRITE_PRESENCE,
} from './redis-scripts.ts'
import { subscribeToRedis } from './redis-subscription.ts'
import type { SessionRecord, SessionStore } from './session-store.ts'
import type { Attempt, StoreTrouble } from './store-failure.ts'

export interface RedisStoreOptions {
  readonly caFile: string | undefined
  readonly trouble: StoreTrouble
  /** The server answers again after trouble. */
  readonly onRecovered: () => void
}

/** Resolves when Redis has answered or has not: one that is away is no reason not to start. */
export async function openRedisStore(
  address: RedisAddress,
  { caFile, trouble, onRecovered }: RedisStoreOptions,
): Promise<SessionStore> {
  const options = redisOptions(address, caFile)
  const subscriptions: Pick<RedisConnection, 'close'>[] = []
  let isDown = false
  const { client, check, tried, close } = connectRedis(options, {
    onReady() {
      trouble.reset()
      if (isDown) onRecovered()
      isDown = false
    },
    onFailure(error) {
      isDown = true
      trouble.tell(error)
    },
  })

  const attempt: Attempt = (call) =>
    trouble.attempt(() => {
      check()
      return call()
    })
  const run = (
    script: string,
    names: readonly string[],
    ...args: readonly (string | number)[]
  ): Promise<unknown> => client.eval(script, names.length, ...names, ...args)
  async function write(
    id: string,
    record: SessionRecord,
    expected: number | undefined,
  ): Promise<boolean> {
    const { keepUntil, activeUntil } = record
    const names = [sessionKey(id), ACTIVE]
    const args = [id, JSON.stringify(record), keepUntil, activeUntil, expected ?? '', indexKey('')]
    return (await run(WRITE, names, ...args)) === 1
  }

  await tried
  return {
    create: (id, record) => attempt(() => write(id, record, undefined).then(() => undefined)),
    read: (ids) =>
      attempt(async () => {
        if (ids.length === 0) return []
        return (await client.mget(ids.map(sessionKey))).map(recordOf)
      }),
    replace: (id, record, expectedGeneration) =>
      attempt(() => write(id, record, expectedGeneration)),
    find: (index) => attempt(async () => (await run(NAMES, [indexKey(index)])) as string[]),
    list: () => attempt(async () => (await run(NAMES, [ACTIVE])) as string[]),
    countActive: () => attempt(async () => (await run(COUNT, [ACTIVE])) as number),
    hold: (lease, holder, ms) =>
      attempt(async () => (await run(HOLD, [leaseKey(lease)], holder, ms)) === 1),
    release: (lease, holder) =>
      attempt(() => run(RELEASE, [leaseKey(lease)], holder).then(() => undefined)),
    remember: (key, value, ms) =>
      attempt(async () => (await client.set(markKey(key), value, 'PX', ms, 'NX')) === 'OK'),
    raise: (key, number, ms) =>
      attempt(() => run(RAISE, [markKey(key)], number, ms).then(() => undefined)),
    recall: (key) => attempt(async () => (await client.get(markKey(key))) ?? undefined),
    writePresence: (replica, entries, ms) =>
      attempt(async () => {
        const names = [presenceKey(replica), REPLICAS]
        await run(WRITE_PRESENCE, names, replica, ms, ...[...entries].flat())
      }),
    readPresence: (ids) =>
      attempt(async () => {
        const said = await run(READ_PRESENCE, [REPLICAS], presenceKey(''), ...ids)
        return said as string[][]
      }),
    publish: (message) => attempt(() => client.publish(CHANNEL, message).then(() => undefined)),
    subscribe(onMessage, onSubscribed) {
      const onFailure = (error: unknown): void => trouble.tell(error)
      subscriptions.push(subscribeToRedis(options, CHANNEL, { onMessage, onSubscribed, onFailure }))
    },
    async close() {
      await Promise.all([close(), ...subscriptions.map((subscription) => subscription.close())])
    },
  }
}

function recordOf(text: string | null): SessionRecord | undefined {
  try {
    const record = JSON.parse(text ?? 'null') as SessionRecord | null
    // JSON leaves out what is undefined.
    return record === null ? undefined : { ...record, vault: record.vault }
  } catch {
    // Not ours, hence no session; and no reason to fail all the others that were asked for with it.
    return undefined
  }
}
