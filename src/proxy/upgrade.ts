// Handles upgrades (RFC 6455 4.2): checks the Origin without any I/O, asks the gate, waits for the desktop's 101, and opens a
// tunnel. Until the 101, every answer is plain HTTP.

import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import type { Permission, Role, SettingsHolder } from '../config/config.ts'
import type { Desktop } from '../desktop/desktop.ts'
import { restrictionsFor } from '../desktop/restrictions.ts'
import { RfbClientReader } from '../desktop/rfb.ts'
import type { RfbDialect } from '../desktop/rfb-messages.ts'
import type { Upstream } from '../desktop/upstream.ts'
import type { Authorize } from '../gate/authorize.ts'
import type { Connections } from '../net/connections.ts'
import type { Client } from '../net/forwarded.ts'
import { newRequestId } from '../net/request-id.ts'
import { canonicalTarget } from '../net/target.ts'
import { subjectOf, type Audit } from '../observability/audit.ts'
import type { Log } from '../observability/log.ts'
import { beginAtZero, type Metrics } from '../observability/metrics.ts'
import { personOf } from '../session/person.ts'
import type { Session } from '../session/session.ts'
import type { CloseReason } from './close-reasons.ts'
import { isProperAnswer, readHandshake, switchingProtocols, type Offer } from './handshake.ts'
import { upgradeHeaders } from './headers.ts'
import { refuseUpgrade, UPGRADE_REFUSALS, type UpgradeRefusal } from './refuse-upgrade.ts'
import type { Ticket, Tunnels } from './tunnels.ts'

/** Time-out in ms for the desktop's complete 101, including the wait for a place. */
const HANDSHAKE_TIMEOUT_MS = 10_000

export interface UpgradeParts {
  readonly settings: SettingsHolder
  readonly connections: Connections
  readonly authorize: Authorize
  readonly desktop: Desktop
  readonly tunnels: Tunnels
  readonly clientOf: (request: IncomingMessage) => Client
  readonly metrics: Metrics
  readonly audit: Audit
  readonly log: Log
}

/** Handles one upgrade and owns the socket from here on. Never rejects. */
export type HandleUpgrade = (
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
) => Promise<void>

export function createUpgrade(parts: UpgradeParts): HandleUpgrade {
  const { settings, connections, authorize, desktop, tunnels, clientOf, metrics, audit, log } =
    parts
  beginAtZero(
    metrics.upgradesRefused,
    UPGRADE_REFUSALS.map((reason) => ({ reason })),
  )

  function refuse(socket: Socket, reason: UpgradeRefusal, extra = ''): void {
    metrics.upgradesRefused.inc({ reason })
    refuseUpgrade(socket, reason, extra)
  }

  function writeDenied(session: Session, client: Client, reason: string): void {
    audit.write({
      event: 'access_denied',
      request: newRequestId(),
      ...subjectOf(session),
      address: client.address,
      desktop: desktop.url.host,
      reason,
    })
  }

  return async function handleUpgrade(request, socket, head) {
    // First of all: a reset on a socket without an error listener would end the process.
    socket.on('error', destroyOnError)
    const { headers } = request
    const { origin } = settings.current.publicUrl
    // A page of any site can open a WebSocket with this person's cookie. Only the Origin reveals it.
    if (headers.origin !== origin) return refuse(socket, 'origin')
    const target = canonicalTarget(request.url ?? '')
    if (target === undefined) return refuse(socket, 'handshake')
    const { subprotocol } = desktop.placeOf(target.path).upstream.kind
    const offer = readHandshake(request, subprotocol)
    if (offer === undefined) return refuse(socket, 'handshake', 'Sec-WebSocket-Version: 13\r\n')
    if (target.path === '/oauth2' || target.path.startsWith('/oauth2/'))
      return refuse(socket, 'not-found')

    const client = clientOf(request)
    const authorization = await authorize(headers.cookie, target.path)
    switch (authorization.outcome) {
      case 'unauthenticated':
        return refuse(socket, 'unauthenticated')
      case 'store-unavailable':
        return refuse(socket, 'store-unavailable')
      case 'step-up':
        return refuse(socket, 'step-up')
      case 'forbidden':
        writeDenied(authorization.session, client, authorization.reason)
        return refuse(socket, 'forbidden')
      case 'granted':
        break
    }
    const { session, role, clipboardIn, cookie, place } = authorization
    connections.keepTunnel(socket, session.identity)
    if (place.upstream.pausedFor() !== undefined) return refuse(socket, 'desktop-refused')
    // The socket may have ended while the gate was deciding, and the event is emitted only once.
    if (socket.destroyed || socket.readableEnded) {
      socket.destroy()
      return undefined
    }
    connect({
      session,
      role,
      clipboardIn,
      cookie,
      socket,
      head,
      offer,
      client,
      upstream: place.upstream,
      path: place.path + target.query,
    })
    return undefined
  }

  interface Admitted {
    readonly session: Session
    readonly role: Session['role']
    readonly clipboardIn: Session['clipboardIn']
    readonly cookie: string
    readonly socket: Socket
    readonly head: Buffer
    readonly offer: Offer
    readonly client: Client
    readonly upstream: Upstream
    readonly path: string
  }

  function connect(admitted: Admitted): void {
    const { session, role, clipboardIn, cookie, socket, head, offer } = admitted
    const { client, upstream, path } = admitted
    const { origin } = settings.current.publicUrl
    const { kind } = upstream
    const protocols = kind.subprotocol === undefined ? offer.protocols : [kind.subprotocol]
    const send = upstream.url.protocol === 'https:' ? httpsRequest : httpRequest
    const person = personOf(session)
    let upstreamRequest: ClientRequest | undefined
    let isSettled = false
    let holdsPlace = false
    let giveUpWaiting = (): void => {}
    const deadline = setTimeout(() => settle('desktop-timeout'), HANDSHAKE_TIMEOUT_MS)
    const leave = (): void => {
      settle(undefined)
      socket.destroy()
    }
    socket.once('end', leave)
    socket.once('close', leave)
    let ticket: Ticket | undefined
    ticket = tunnels.enter(session, cookie, admitted, (reason) => settle(endOf(reason)))
    if (ticket === undefined) {
      writeDenied(session, client, 'tunnel-limit')
      return settle('tunnel-limit')
    }
    // The session may have ended since the gate read it.
    if (isSettled) return ticket.discard()
    const place = upstream.handshakes.acquire(person, (giveUp) => (giveUpWaiting = giveUp))
    if (typeof place === 'boolean') shakeHands(place, ticket)
    else void place.then((isGranted) => shakeHands(isGranted, ticket))

    /** Ends the handshake with a refusal, or silently if the client has gone. */
    function settle(refusal: UpgradeRefusal | undefined): void {
      if (isSettled) return
      cleanUp()
      ticket?.discard()
      upstreamRequest?.destroy()
      if (refusal !== undefined) refuse(socket, refusal)
    }

    function cleanUp(): void {
      isSettled = true
      clearTimeout(deadline)
      socket.off('end', leave)
      socket.off('close', leave)
      giveUpWaiting()
      if (holdsPlace) upstream.handshakes.release(person)
    }

    function shakeHands(isGranted: boolean, ticket: Ticket): void {
      if (!isGranted) return settle('desktop-busy')
      // The client gave up at the moment in which its turn came.
      if (isSettled) return upstream.handshakes.release(person)
      holdsPlace = true
      // The desktop refused the gateway's credentials while this handshake waited.
      if (upstream.pausedFor() !== undefined) return settle('desktop-refused')
      upstreamRequest = send({
        agent: upstream.tunnelAgent,
        ...upstream.address,
        path,
        headers: upgradeHeaders(
          {
            authorization: upstream.authorizationFor(role),
            clientAddress: client.address,
            host: upstream.url.host,
          },
          origin,
          offer.key,
          protocols,
        ),
      })
      upstreamRequest.on('error', (error) => {
        if (!isSettled) log.warn({ err: error }, 'the desktop did not take a WebSocket')
        if (!isSettled) upstream.markGone()
        settle('bytesParsed' in error ? 'desktop-broken' : 'desktop-unreachable')
      })
      upstreamRequest.on('response', (answer) => {
        answer.destroy()
        if (answer.statusCode === 401 && !isSettled) upstream.markRefused()
        log.warn({ status: answer.statusCode }, 'the desktop refused a WebSocket')
        settle(answer.statusCode === 401 ? 'desktop-refused' : 'desktop-broken')
      })
      upstreamRequest.on('upgrade', (answer, upstreamSocket: Socket, upstreamHead) => {
        upstreamSocket.on('error', destroyOnError)
        const chosen = answer.headers['sec-websocket-protocol']
        const isOffered = chosen === undefined || protocols.includes(chosen)
        if (isSettled || !isOffered || !isProperAnswer(answer, offer.key)) {
          upstreamSocket.destroy()
          settle('desktop-broken')
          return
        }
        upstream.markAccepted()
        cleanUp()
        socket.write(switchingProtocols(offer, kind.subprotocol ?? chosen))
        ticket.join({
          client: socket,
          server: upstream,
          upstream: upstreamSocket,
          clientHead: head,
          upstreamHead,
          role,
          clipboardIn,
          address: client.address,
          requestId: newRequestId(),
          reader: readerFor(kind.dialect, role, clipboardIn),
          longestFrame: kind.longestFrame,
        })
      })
      upstreamRequest.end()
    }
  }
}

/** Not a closure: it lives as long as the socket and would keep the whole handshake in memory. */
function destroyOnError(this: Socket): void {
  this.destroy()
}

/** Undefined for a server that does not speak RFB. */
function readerFor(
  dialect: RfbDialect | undefined,
  role: Role,
  clipboardIn: Permission,
): RfbClientReader | undefined {
  if (dialect === undefined) return undefined
  return new RfbClientReader(dialect, restrictionsFor(dialect, role, clipboardIn))
}

function endOf(reason: CloseReason): UpgradeRefusal {
  return reason === 'draining' ? 'draining' : 'session-ended'
}
