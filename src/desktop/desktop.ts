// The desktop and the further servers beside it: decides which one a path leads to, and who may go there.

import type { DesktopKind, Role, SettingsHolder } from '../config/config.ts'
import type { Log } from '../observability/log.ts'
import type { KindOfDesktop } from './desktop-kind.ts'
import { kasmvnc } from './kasmvnc.ts'
import { createProbe } from './probe.ts'
import { rfbOverWebSocket } from './rfb-over-websocket.ts'
import { routed } from './routed.ts'
import { basic, createUpstream, turnedAway, type Upstream } from './upstream.ts'

/** Pause after a 401. After five failures of an address, KasmVNC bans it for 10 s, and each further attempt renews the ban. */
const PAUSE_AFTER_REFUSAL_MS = 30_000

const KINDS: Readonly<Record<DesktopKind, KindOfDesktop>> = { kasmvnc, rfb: rfbOverWebSocket }

export type DesktopState = 'up' | 'starting' | 'refused'

/** Where a path leads. */
export interface Place {
  readonly upstream: Upstream
  /** A further server, not the desktop itself. */
  readonly isRoute: boolean
  /** The path that the upstream is asked for. */
  readonly path: string
  /** The prefix that was removed from the path; empty if none was. */
  readonly prefix: string
  /** The lowest role that may go there. */
  readonly role: Role
}

export interface Desktop extends Upstream {
  /** The longest route that is a prefix of the path, else the desktop itself. `path` is canonical. */
  placeOf(path: string): Place
  /** A person would get through to the desktop now. */
  isUp(): Promise<boolean>
  /** When the desktop's certificate ends (ms since the epoch); undefined without TLS, or while nothing answers. */
  certificateEndsAt(): Promise<number | undefined>
  /** The state for the waiting page. `refused`: requests are paused because the desktop refuses the credentials. */
  state(): Promise<DesktopState>
}

export function createDesktop(settings: SettingsHolder, log: Log, now: () => number): Desktop {
  const { url, kind, tls, routes } = settings.current.desktop
  const upstream = createUpstream({
    url,
    tls,
    kind: KINDS[kind],
    credentialSettings: 'GATEWAY_DESKTOP_USERNAME and _PASSWORD',
    authorizationFor(role) {
      const { credentials } = settings.current.desktop
      // Plain RFB has neither viewers nor owners. Only the gateway's restrictions make a viewer.
      return basic(credentials[role] ?? (kind === 'rfb' ? credentials.control : undefined))
    },
    // A web server beside plain RFB bans nobody and may refuse a single path.
    pauseAfterRefusal: kind === 'kasmvnc' ? PAUSE_AFTER_REFUSAL_MS : 0,
    now,
  })
  const places = routes
    .map(({ path, role, stripPrefix, credentials, ...route }) => ({
      path,
      role,
      stripPrefix,
      upstream: createUpstream({
        ...route,
        kind: routed,
        credentialSettings: `username and password of desktop.routes ${path}`,
        authorizationFor: () => basic(credentials),
        // A 401 of this server says nothing about the desktop, and no ban is known.
        pauseAfterRefusal: 0,
        now,
      }),
    }))
    .toSorted((one, other) => other.path.length - one.path.length)
  const probe = createProbe({
    url,
    address: upstream.address,
    agent: upstream.requestAgent,
    // A web server beside plain RFB may refuse a single path, so its answer says nothing about the streams.
    authorizationToTry: () =>
      kind === 'kasmvnc' && upstream.refusesCredentials()
        ? upstream.authorizationFor('control')
        : undefined,
    isPaused: () => upstream.pausedFor() !== undefined,
    onTried(outcome) {
      if (outcome === 'accepted') upstream.markAccepted()
      else turnedAway(upstream, log)
    },
    now,
  })
  upstream.onGone(() => probe.forget())

  return {
    ...upstream,
    placeOf(path) {
      const found = places.find((place) => path === place.path || path.startsWith(`${place.path}/`))
      if (found === undefined) {
        return { upstream, isRoute: false, path, prefix: '', role: 'view' }
      }
      const { role, stripPrefix } = found
      const prefix = stripPrefix ? found.path : ''
      const rest = path.slice(prefix.length) || '/'
      return { upstream: found.upstream, isRoute: true, path: rest, prefix, role }
    },
    isUp: () => probe.isUp(),
    async certificateEndsAt() {
      await probe.isUp()
      return probe.certificateEndsAt
    },
    async state() {
      const isUp = await probe.isUp()
      if (upstream.pausedFor() !== undefined) return 'refused'
      return isUp ? 'up' : 'starting'
    },
    close() {
      for (const { upstream: route } of places) route.close()
      upstream.close()
    },
  }
}
