// One connection to Redis: how long it may take, how it comes back, and what ioredis needs to be told for that.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { rootCertificates, type ConnectionOptions } from 'node:tls'
import { X509Certificate } from 'node:crypto'
import { Redis, type RedisOptions } from 'ioredis'
import { codeOf, GatewayError } from '../lib/errors.ts'
import type { RedisAddress } from '../lib/store-address.ts'

/** No call waits longer for its answer. */
export const DEADLINE_MS = 1_000
/** A connection on which nothing came for so long after a call is given up, and made anew. */
const SILENCE_MS = 1_500
const RECONNECT_MS = 500

/** As ioredis takes them; replies keep the one shape it gives to every protocol. */
export type ClientOptions = Omit<RedisOptions, 'replyMapping'>

export interface RedisConnection {
  readonly client: Redis
  /** Throws why there is no connection now, where there is none. */
  readonly check: () => void
  /** The first attempt to connect has come to something, whatever it is. */
  readonly tried: Promise<void>
  readonly close: () => Promise<void>
}

export interface ConnectionEvents {
  readonly onReady: () => void
  /** The connection broke or was not made; it is tried again. */
  readonly onFailure: (error: unknown) => void
}

/** Throws `settings-invalid` for a CA file that holds no certificates, and never for a Redis that is away. */
export function redisOptions(address: RedisAddress, caFile: string | undefined): ClientOptions {
  const { hosts, master, credentials, sentinelCredentials, db } = address
  const [{ host, port }] = hosts
  const tls = address.tls ? { tls: trust(caFile) } : {}
  const where =
    master === undefined
      ? { host, port, ...tls }
      : {
          sentinels: [...hosts],
          name: master,
          // Without a number here a client gives up for good once no sentinel answers.
          sentinelRetryStrategy: () => RECONNECT_MS,
          sentinelCommandTimeout: DEADLINE_MS,
          ...named('sentinelUsername', sentinelCredentials?.username),
          ...named('sentinelPassword', sentinelCredentials?.password),
          ...(address.tls
            ? { ...tls, sentinelTLS: trust(caFile), enableTLSForSentinelMode: true }
            : {}),
        }
  return {
    ...where,
    ...named('username', credentials?.username),
    ...named('password', credentials?.password),
    db,
    connectionName: 'ghostwire-gateway',
    lazyConnect: true,
    connectTimeout: DEADLINE_MS,
    commandTimeout: DEADLINE_MS,
    socketTimeout: SILENCE_MS,
    disconnectTimeout: 100,
    maxLoadingRetryTime: DEADLINE_MS,
    enableOfflineQueue: false,
    // A call is sent once: what was under way when the connection broke has failed. Sent again over the next one, a
    // compare-and-set would lose against itself, and a write whose caller was told that it failed would come late.
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    retryStrategy: (times) => Math.min(50 * 2 ** times, RECONNECT_MS) + Math.random() * 100,
    // The master became a replica and kept the connection: its successor is found by connecting anew.
    reconnectOnError: ({ message }) => message.startsWith('READONLY '),
  }
}

export function connectRedis(options: ClientOptions, events: ConnectionEvents): RedisConnection {
  const client = new Redis(options)
  let isClosing = false
  let again: NodeJS.Timeout | undefined
  let failure: Error | undefined = new Error('not connected yet')
  const { promise: tried, resolve: hasTried } = Promise.withResolvers<void>()
  const fail = (error: Error): void => {
    failure = error
    if (!isClosing) events.onFailure(error)
    hasTried()
  }
  const closed = (): Error => new Error('the connection was closed')
  const connect = (): void => {
    // What goes wrong is told by the events.
    client.connect().catch(() => {})
  }
  client.on('ready', () => {
    failure = undefined
    events.onReady()
    hasTried()
  })
  client.on('error', (error: Error & { command?: { name: string } }) => {
    fail(error)
    // The client would go on in database 0.
    if (error.command?.name === 'select') client.disconnect(true)
  })
  client.on('close', () => {
    // Every broken connection closes; the first that went wrong with it is the reason.
    if (failure === undefined) fail(closed())
    hasTried()
  })
  client.on('end', () => {
    // Ended without being asked to: the client gives up when a disconnect meets a connection in the making.
    if (!isClosing) again = setTimeout(connect, RECONNECT_MS)
  })
  connect()

  return {
    client,
    check() {
      // A stream ends a moment before its client knows, and a client knows a moment before it tells.
      if (client.status !== 'ready' || !client.stream.writable) throw failure ?? closed()
    },
    tried,
    async close() {
      isClosing = true
      clearTimeout(again)
      // Between two connections there is nothing whose end could be waited for.
      const isConnected = client.status !== 'end' && client.status !== 'reconnecting'
      const ended = once(client, 'end', { signal: AbortSignal.timeout(DEADLINE_MS) })
      ended.catch(() => {})
      client.disconnect()
      if (isConnected) await ended.catch(() => {})
    },
  }
}

function named<K extends string>(name: K, value: string | undefined): { [key in K]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { [key in K]: string })
}

function trust(caFile: string | undefined): ConnectionOptions {
  if (caFile === undefined) return {}
  try {
    const pem = readFileSync(caFile, 'utf8')
    // Node takes a list without a certificate in it for no list, and says so at the first connection.
    void new X509Certificate(pem)
    return { ca: [...rootCertificates, pem] }
  } catch (error) {
    const code = codeOf(error) ?? ''
    const isAbsent = code.startsWith('E') && !code.startsWith('ERR_')
    const words = isAbsent ? `cannot be read (${code})` : 'holds no PEM certificate'
    throw new GatewayError('settings-invalid', `session.storeCaFile: ${caFile} ${words}`, {
      cause: error,
    })
  }
}
