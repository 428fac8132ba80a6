// One connection to Redis: its time-outs, its reconnects, and the options that ioredis needs for them.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { rootCertificates, type ConnectionOptions } from 'node:tls'
import { X509Certificate } from 'node:crypto'
import { Redis, type RedisOptions } from 'ioredis'
import { codeOf, GatewayError } from '../lib/errors.ts'
import type { RedisAddress } from '../lib/store-address.ts'

/** Time-out of a call. */
export const DEADLINE_MS = 1_000
/** A connection without an answer for this long after a call is closed and replaced. */
const SILENCE_MS = 1_500
const RECONNECT_MS = 500

/** Options of ioredis, without the one that changes the shape of replies. */
export type ClientOptions = Omit<RedisOptions, 'replyMapping'>

export interface RedisConnection {
  readonly client: Redis
  /** Throws the reason if there is no connection. */
  readonly check: () => void
  /** Resolves when the first attempt to connect has succeeded or failed. */
  readonly tried: Promise<void>
  readonly close: () => Promise<void>
}

export interface ConnectionEvents {
  readonly onReady: () => void
  /** The connection failed or broke. It is retried. */
  readonly onFailure: (error: unknown) => void
}

/** Throws `settings-invalid` for a CA file without certificates, never because Redis is unavailable. */
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
          // Without a number, the client gives up for good when no sentinel answers.
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
    // Send each call only once. If the connection breaks, running calls fail. Sent again over the next connection, a
    // compare-and-set would lose against itself, and a write that was reported as failed would arrive late.
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    retryStrategy: (times) => Math.min(50 * 2 ** times, RECONNECT_MS) + Math.random() * 100,
    // The master became a replica and kept the connection. Reconnect to find its successor.
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
    // The events report failures.
    client.connect().catch(() => {})
  }
  client.on('ready', () => {
    failure = undefined
    events.onReady()
    hasTried()
  })
  client.on('error', (error: Error & { command?: { name: string } }) => {
    fail(error)
    // The client would continue in database 0.
    if (error.command?.name === 'select') client.disconnect(true)
  })
  client.on('close', () => {
    // Every broken connection closes. The first failure is its reason.
    if (failure === undefined) fail(closed())
    hasTried()
  })
  client.on('end', () => {
    // Ended by itself: the client gives up when a disconnect meets a connection that is being made.
    if (!isClosing) again = setTimeout(connect, RECONNECT_MS)
  })
  connect()

  return {
    client,
    check() {
      // The stream ends a moment before the client notices, and the client notices a moment before its event.
      if (client.status !== 'ready' || !client.stream.writable) throw failure ?? closed()
    },
    tried,
    async close() {
      isClosing = true
      clearTimeout(again)
      // Between two connections there is no end to wait for.
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
    // Node ignores a list without certificates and reports it only at the first connection.
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
