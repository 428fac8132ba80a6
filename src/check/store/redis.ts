// Checks a Redis store: connection, rights, and the settings of the server that decide whether sessions last.

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { printable } from '../../lib/printable.ts'
import type { RedisAddress } from '../../lib/store-address.ts'
import {
  connectRedis,
  redisOptions,
  type ClientOptions,
  type RedisConnection,
} from '../../session/redis-connection.ts'
import { HOLD, redisKeys, RELEASE } from '../../session/redis-scripts.ts'
import { subscribeToRedis } from '../../session/redis-subscription.ts'
import type { Findings } from '../finding.ts'
import { certificateFault, networkFailure, rootCode } from '../network-failure.ts'

type Client = RedisConnection['client']

const TIMEOUT_MS = 3_000
const MAX_TEXT = 200
/** Of no gateway: an identifier is longer (gateway-id.ts). */
const KEYS = redisKeys('check')

export async function checkRedis(
  address: RedisAddress,
  caFile: string | undefined,
  findings: Findings,
): Promise<void> {
  const options = redisOptions(address, caFile)
  const { client, check, tried, close } = connectRedis(options, {
    onReady() {},
    onFailure() {},
  })
  try {
    await tried
    try {
      check()
    } catch (error) {
      findings.fail('reachable', `Redis gives no connection: ${explain(error, caFile)}.`)
      return
    }
    findings.ok('reachable', 'Redis accepts the connection and the credentials.')
    await checkWrite(client, findings)
    await checkMessages(client, options, findings)
    const info = await readInfo(client, findings)
    if (info === undefined) return
    checkEviction(info, findings)
    await checkPersistence(client, info, findings)
  } finally {
    await close()
  }
}

/** With the scripts of the store. The key would expire by itself. */
async function checkWrite(client: Client, findings: Findings): Promise<void> {
  const [key, holder] = [KEYS.lease(randomUUID()), randomUUID()]
  try {
    await client.eval(HOLD, 1, key, holder, 10_000)
    const found = await client.get(key)
    await client.eval(RELEASE, 1, key, holder)
    const isGone = (await client.exists(key)) === 0
    if (found === holder && isGone) {
      findings.ok('write', 'A key was written, read, and deleted, by scripts as the gateway does.')
    } else findings.fail('write', 'A key that was written and deleted was not read back so.')
  } catch (error) {
    findings.fail('write', `Redis refuses to write, read and delete a key: ${words(error)}.`)
  }
}

/** Replicas tell each other about ends. */
async function checkMessages(
  client: Client,
  options: ClientOptions,
  findings: Findings,
): Promise<void> {
  const text = randomUUID()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const subscription = subscribeToRedis(options, KEYS.channel, {
    onMessage: (message) => (message === text ? resolve() : undefined),
    onSubscribed: () => void client.publish(KEYS.channel, text).catch(reject),
    onFailure: reject,
  })
  const timeout = new AbortController()
  try {
    await Promise.race([
      promise,
      sleep(TIMEOUT_MS, undefined, { signal: timeout.signal }).then(() => {
        throw new Error('no message arrived')
      }),
    ])
    findings.ok('messages', 'A message was published and received.')
  } catch (error) {
    findings.fail(
      'messages',
      `Redis passes no messages on, so replicas would not learn of ended sessions at once: ${words(error)}.`,
    )
  } finally {
    timeout.abort()
    await subscription.close()
  }
}

type Info = ReadonlyMap<string, string>

async function readInfo(client: Client, findings: Findings): Promise<Info | undefined> {
  try {
    const lines = (await client.info()).split('\r\n').filter((line) => line.includes(':'))
    return new Map(
      lines.map((line) => [line.split(':')[0] ?? '', line.slice(line.indexOf(':') + 1)]),
    )
  } catch (error) {
    findings.fail('info', `Redis refuses INFO, which the gateway needs: ${words(error)}.`)
    return undefined
  }
}

function checkEviction(info: Info, findings: Findings): void {
  const policy = info.get('maxmemory_policy')
  if (policy === undefined) {
    findings.skip('eviction', 'Redis does not tell its maxmemory-policy; it must be noeviction.')
  } else if (policy === 'noeviction') {
    findings.ok('eviction', 'Redis drops no sessions when its memory is full (noeviction).')
  } else if (info.get('maxmemory') === '0') {
    findings.ok(
      'eviction',
      `Redis has no memory limit, so its maxmemory-policy ${policy} has no effect.`,
    )
  } else {
    findings.warn(
      'eviction',
      `The maxmemory-policy is ${policy}: when its memory is full, Redis drops sessions, and ends of sessions. Set it to noeviction.`,
    )
  }
}

async function checkPersistence(client: Client, info: Info, findings: Findings): Promise<void> {
  if (info.get('aof_enabled') === '1') {
    findings.ok('persistence', 'Redis keeps an append-only file: sessions survive its restart.')
    return
  }
  let schedule: string | undefined
  try {
    schedule = Object.values((await client.config('GET', 'save')) as object).at(-1) as string
  } catch {
    // The rights that the gateway needs do not include CONFIG.
    findings.skip(
      'persistence',
      'Redis keeps no append-only file, and does not let the gateway see whether it makes snapshots. Without both, its restart signs out everybody without an open desktop.',
    )
    return
  }
  if (schedule !== '') {
    findings.ok('persistence', `Redis makes snapshots (save ${printable(schedule, MAX_TEXT)}).`)
  } else {
    findings.warn(
      'persistence',
      'Redis keeps nothing on disk: its restart signs out everybody without an open desktop. Switch on appendonly, or snapshots.',
    )
  }
}

/** What the administrator can change about an error of Redis, by the first word. */
const ADVICE: Readonly<Record<string, string>> = {
  WRONGPASS: 'check user and password in session.store',
  NOAUTH: 'Redis wants a password; add it to session.store',
  NOPERM: 'the user needs ~ghostwire:* &ghostwire:* +@all -@dangerous +info',
  READONLY: 'this is a replica; name the master, or the sentinels with redis+sentinel://',
  OOM: 'raise maxmemory, or give the gateway a server of its own',
  MISCONF: 'Redis cannot write to its disk',
}

function words(error: unknown): string {
  const { message } = error as Error
  const advice = ADVICE[message.split(' ')[0] ?? '']
  const shown = printable(message, MAX_TEXT)
  return advice === undefined ? shown : `${shown} (${advice})`
}

function explain(error: unknown, caFile: string | undefined): string {
  const code = rootCode(error)
  if (code === undefined) return words(error)
  const isAboutTrust = certificateFault(code) !== undefined
  const setting = caFile === undefined ? 'set session.storeCaFile' : 'check session.storeCaFile'
  return isAboutTrust ? `${networkFailure(error)}; ${setting}` : networkFailure(error)
}
