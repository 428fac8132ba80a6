// The desktop behind the gateway: how it is reached, with whose credentials, and whether it is worth asking now.

import type { Agent } from 'node:http'
import type { DesktopKind, Role, SettingsHolder } from '../config/config.ts'
import { reuseReads } from '../net/reused-reads.ts'
import type { KindOfDesktop } from './desktop-kind.ts'
import { kasmvnc } from './kasmvnc.ts'
import { createProbe, type SocketAddress } from './probe.ts'
import { rfbOverWebSocket } from './rfb-over-websocket.ts'
import { createAgent } from './tls.ts'

/** KasmVNC's listen backlog is 5; more at once and connects are reset or wait for SYN retries. */
const MOST_REQUESTS_AT_ONCE = 16
/** Requests that may wait for one of those places. */
const MOST_WAITING = 1_024
/** After a 401: five failures of an address ever, and KasmVNC bans it for 10 s that each further try renews. */
const PAUSE_AFTER_REFUSAL_MS = 30_000

const KINDS: Readonly<Record<DesktopKind, KindOfDesktop>> = { kasmvnc, rfb: rfbOverWebSocket }

export type DesktopState = 'up' | 'starting' | 'refused'

export interface Desktop {
  readonly url: URL
  readonly address: SocketAddress
  readonly kind: KindOfDesktop
  /** For plain requests: each on a connection of its own, so many at once and no more. */
  readonly requestAgent: Agent
  /** For upgrades: so many handshakes at once; downloads never hold one up. */
  readonly tunnelAgent: Agent
  /** The `Authorization` value for a role, or undefined where none is set. */
  authorizationFor(role: Role): string | undefined
  /** A place among the waiting requests; false when all are taken. Give it back with `release`. */
  acquire(): boolean
  release(): void
  /** The desktop refused the gateway's credentials: it is left alone for a while. */
  markRefused(): void
  /** Seconds until the desktop is asked again, or undefined when it may be asked now. */
  pausedFor(): number | undefined
  isUp(): Promise<boolean>
  /** For a person who waits: `refused` while it is left alone, for waiting alone will not mend that. */
  state(): Promise<DesktopState>
  /** A connection to it failed, or it ended a stream: what it was a moment ago it may no longer be. */
  markGone(): void
  onGone(listener: () => void): void
  close(): void
}

export function createDesktop(settings: SettingsHolder, now: () => number): Desktop {
  const { url, kind, tls } = settings.current.desktop
  const requestAgent = createAgent(url, tls, {
    keepAlive: false,
    maxSockets: MOST_REQUESTS_AT_ONCE,
  })
  // An upgraded connection leaves its agent: this bounds handshakes, not tunnels.
  const tunnelAgent = reuseReads(
    createAgent(url, tls, { keepAlive: false, maxSockets: MOST_REQUESTS_AT_ONCE }),
  )
  const address = {
    host: url.hostname.replaceAll(/^\[|\]$/g, ''),
    port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
  }
  const probe = createProbe(address, now)
  const goneListeners: (() => void)[] = []
  let taken = 0
  let pausedUntil = 0

  function pausedFor(): number | undefined {
    const left = pausedUntil - now()
    return left > 0 ? Math.ceil(left / 1_000) : undefined
  }

  return {
    url,
    address,
    kind: KINDS[kind],
    requestAgent,
    tunnelAgent,
    authorizationFor(role) {
      const { credentials: all } = settings.current.desktop
      // Plain RFB knows neither viewers nor owners: the gateway's own restrictions are what makes a viewer.
      const credentials = all[role] ?? (kind === 'rfb' ? all.control : undefined)
      if (credentials === undefined) return undefined
      const { username, password } = credentials
      return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
    },
    acquire() {
      if (taken >= MOST_REQUESTS_AT_ONCE + MOST_WAITING) return false
      taken += 1
      return true
    },
    release() {
      taken -= 1
    },
    markRefused() {
      pausedUntil = now() + PAUSE_AFTER_REFUSAL_MS
    },
    pausedFor,
    isUp: () => probe.isUp(),
    async state() {
      if (pausedFor() !== undefined) return 'refused'
      return (await probe.isUp()) ? 'up' : 'starting'
    },
    markGone() {
      probe.forget()
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
