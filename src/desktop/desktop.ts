// The desktop behind the gateway, and what else stands beside it: which of them a path leads to, and who may go there.

import type { DesktopKind, Role, SettingsHolder } from '../config/config.ts'
import type { KindOfDesktop } from './desktop-kind.ts'
import { kasmvnc } from './kasmvnc.ts'
import { createProbe } from './probe.ts'
import { rfbOverWebSocket } from './rfb-over-websocket.ts'
import { routed } from './routed.ts'
import { basic, createUpstream, type Upstream } from './upstream.ts'

/** After a 401: five failures of an address ever, and KasmVNC bans it for 10 s that each further try renews. */
const PAUSE_AFTER_REFUSAL_MS = 30_000

const KINDS: Readonly<Record<DesktopKind, KindOfDesktop>> = { kasmvnc, rfb: rfbOverWebSocket }

export type DesktopState = 'up' | 'starting' | 'refused'

/** Where a path leads. */
export interface Place {
  readonly upstream: Upstream
  /** Beside the desktop, not the desktop itself. */
  readonly isRoute: boolean
  /** What the upstream is asked for. */
  readonly path: string
  /** What was taken off the front of it; empty where nothing was. */
  readonly prefix: string
  /** The least of the roles that may go there. */
  readonly role: Role
}

export interface Desktop extends Upstream {
  /** By the longest route that the path begins with, else to the desktop itself. `path` is canonical. */
  placeOf(path: string): Place
  isUp(): Promise<boolean>
  /** For a person who waits: `refused` while it is left alone, for waiting alone will not mend that. */
  state(): Promise<DesktopState>
}

export function createDesktop(settings: SettingsHolder, now: () => number): Desktop {
  const { url, kind, tls, routes } = settings.current.desktop
  const upstream = createUpstream({
    url,
    tls,
    kind: KINDS[kind],
    credentialSettings: 'GATEWAY_DESKTOP_USERNAME and _PASSWORD',
    authorizationFor(role) {
      const { credentials } = settings.current.desktop
      // Plain RFB knows neither viewers nor owners: the gateway's own restrictions are what makes a viewer.
      return basic(credentials[role] ?? (kind === 'rfb' ? credentials.control : undefined))
    },
    // A web server beside plain RFB bans nobody, and refuses perhaps one path of many.
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
        // It answers for itself alone, and bans nobody that we know of.
        pauseAfterRefusal: 0,
        now,
      }),
    }))
    .toSorted((one, other) => other.path.length - one.path.length)
  const probe = createProbe(upstream.address, now)
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
    async state() {
      if (upstream.pausedFor() !== undefined) return 'refused'
      return (await probe.isUp()) ? 'up' : 'starting'
    },
    close() {
      for (const { upstream: route } of places) route.close()
      upstream.close()
    },
  }
}
