// One server behind the gateway: how it is reached, with whose credentials, and whether it is worth asking now.

import type { Agent } from 'node:http'
import type { DesktopTls, Role } from '../config/config.ts'
import { reuseReads } from '../net/reused-reads.ts'
import type { Log } from '../observability/log.ts'
import type { KindOfDesktop } from './desktop-kind.ts'
import type { SocketAddress } from './probe.ts'
import { createAgent } from './tls.ts'
import { FairQueue } from './fair-queue.ts'

/** KasmVNC's listen backlog is 5; more at once and connects are reset or wait for SYN retries. */
const MAX_CONNECTING = 16
/** One person's slow downloads leave the others a way in. */
const MAX_REQUESTS_OF_ONE = 12
/** A page opens one stream, rarely three. KasmVNC's backlog holds no more than these of one person at one moment. */
const MAX_HANDSHAKES_OF_ONE = 4
/** A page asks for hundreds of files at once; others find room to wait beside one person. */
const WAITING = { maxWaiting: 1_024, maxWaitingOfOne: 640, maxWait: 30_000 }

export interface Upstream {
  readonly url: URL
  readonly address: SocketAddress
  readonly kind: KindOfDesktop
  /** The settings of its credentials, for the log. */
  readonly credentialSettings: string
  /** For plain requests: each on a connection of its own. */
  readonly requestAgent: Agent
  readonly tunnelAgent: Agent
  /** The `Authorization` value for a role, or undefined where none is set. */
  authorizationFor(role: Role): string | undefined
  /** Places at the desktop for plain requests: whoever sends one holds one, until its answer is out. */
  readonly requests: FairQueue
  /** For upgrades, until they are answered: downloads never hold one up. */
  readonly handshakes: FairQueue
  /** It refused the gateway's credentials: it is left alone for a while. */
  markRefused(): void
  /** It answered a request that had the gateway's credentials. */
  markAccepted(): void
  /** It refused the gateway's credentials, and has not accepted them since. */
  refusesCredentials(): boolean
  /** Seconds until it is asked again, or undefined when it may be asked now. */
  pausedFor(): number | undefined
  /** A connection to it failed, or it ended a stream: what it was a moment ago it may no longer be. */
  markGone(): void
  onGone(listener: () => void): void
  close(): void
}

export interface UpstreamOptions {
  readonly url: URL
  readonly tls: DesktopTls
  readonly kind: KindOfDesktop
  readonly credentialSettings: string
  readonly authorizationFor: (role: Role) => string | undefined
  /** Milliseconds that it is left alone after a 401. */
  readonly pauseAfterRefusal: number
  readonly now: () => number
}

export function createUpstream(options: UpstreamOptions): Upstream {
  const { url, tls, kind, credentialSettings, authorizationFor, pauseAfterRefusal, now } = options
  // The queues say how many at once: an agent's own limit would be a second queue, first come, first served.
  const requestAgent = createAgent(url, tls, { keepAlive: false })
  const tunnelAgent = reuseReads(createAgent(url, tls, { keepAlive: false }))
  const goneListeners: (() => void)[] = []
  let pausedUntil = 0
  let refusesCredentials = false

  return {
    url,
    address: {
      host: url.hostname.replaceAll(/^\[|\]$/g, ''),
      port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
    },
    kind,
    credentialSettings,
    requestAgent,
    tunnelAgent,
    authorizationFor,
    requests: new FairQueue({
      maxConcurrent: MAX_CONNECTING,
      maxConcurrentOfOne: MAX_REQUESTS_OF_ONE,
      ...WAITING,
    }),
    handshakes: new FairQueue({
      maxConcurrent: MAX_CONNECTING,
      maxConcurrentOfOne: MAX_HANDSHAKES_OF_ONE,
      ...WAITING,
    }),
    markRefused() {
      pausedUntil = now() + pauseAfterRefusal
      refusesCredentials = true
    },
    markAccepted() {
      refusesCredentials = false
    },
    refusesCredentials: () => refusesCredentials,
    pausedFor() {
      const left = pausedUntil - now()
      return left > 0 ? Math.ceil(left / 1_000) : undefined
    },
    markGone() {
      for (const listener of goneListeners) listener()
    },
    onGone(listener) {
      goneListeners.push(listener)
    },
    close() {
      requestAgent.destroy()
      tunnelAgent.destroy()
    },
  }
}

/** The desktop answered 401: pause requests to it and tell the operator. */
export function turnedAway(upstream: Upstream, log: Log): void {
  upstream.markRefused()
  log.error(`the desktop refuses the gateway's credentials: check ${upstream.credentialSettings}`)
}

/** RFC 7617. */
export function basic(
  credentials: { readonly username: string; readonly password: string } | undefined,
): string | undefined {
  if (credentials === undefined) return undefined
  const { username, password } = credentials
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}
