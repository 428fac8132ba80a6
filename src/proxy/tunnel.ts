// One proxied WebSocket: two sockets that always end together. Towards the browser, bytes pass unchanged and only frame headers
// are tracked. Towards the desktop, each frame is checked before it is forwarded.

import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Permission, Role } from '../config/config.ts'
import type { RfbClientReader, RfbUnknown } from '../desktop/rfb.ts'
import { readsOf } from '../net/reused-reads.ts'
import { ClientFrames } from './client-frames.ts'
import { closeFrameFor, type CloseReason } from './close-reasons.ts'
import { FrameCounter, pingFrame } from './frames.ts'
import type { Link } from './link.ts'
import { OpaqueFrames } from './opaque-frames.ts'
import { STEPS_A_TURN, type TurnQueue } from './turn-queue.ts'

/** Idle time before TCP keep-alive starts. 10 s later the kernel gives up, which detects a vanished peer. */
const KEEP_ALIVE_MS = 30_000
/** How long the current frame may take to end. After that the browser gets no Close. */
const BOUNDARY_TIMEOUT_MS = 250
/** Smaller chunks are copied when they have to wait. */
const MIN_HELD_BYTES = 16_384
/** How long the browser has for its FIN after ours. */
const LINGER_MS = 500

export interface TunnelEvents {
  /** A person typed, pointed or pasted. */
  onHumanInput(): void
  /** Called once, when the client stream can no longer be parsed. */
  onUnknown(what: RfbUnknown): void
  onClosed(reason: CloseReason): void
}

export class Tunnel {
  readonly role: Role
  readonly clipboardIn: Permission
  readonly #client: Socket
  readonly #upstream: Socket
  readonly #reader: RfbClientReader | undefined
  readonly #clientFrames: ClientFrames | OpaqueFrames
  readonly #serverFrames = new FrameCounter()
  readonly #turns: TurnQueue
  readonly #events: TunnelEvents
  #bytesToBrowser = 0
  #bytesToDesktop = 0
  /** Since when a side accepts no bytes (`performance.now()`, since the wall clock may be adjusted); 0 while it does. */
  #clientBlockedAt = 0
  #upstreamBlockedAt = 0
  /** The browser's byte count at the last check that found new bytes, and the time of that check (`performance.now()`). */
  #heard = { bytes: 0, at: performance.now() }
  /** Waits for its turn to process `#rest`, the unprocessed part of the browser's last chunk. */
  #isYielding = false
  #rest: Buffer | undefined
  #owesPing = false
  /** The first cause of the end. Later causes do not count. */
  #reason: CloseReason | undefined
  #isUnknown = false
  #isEnding = false
  #isClosed = false

  constructor(link: Link, turns: TurnQueue, events: TunnelEvents) {
    this.role = link.role
    this.clipboardIn = link.clipboardIn
    this.#client = link.client
    this.#upstream = link.upstream
    this.#reader = link.reader
    this.#clientFrames =
      link.reader === undefined
        ? new OpaqueFrames()
        : new ClientFrames(link.longestFrame, link.reader)
    this.#clientFrames.stepsLeft = STEPS_A_TURN
    this.#turns = turns
    this.#events = events
  }

  /** Bytes of the desktop that were forwarded. */
  get bytesToBrowser(): number {
    return this.#bytesToBrowser
  }

  /** Bytes of the browser that were forwarded. */
  get bytesToDesktop(): number {
    return this.#bytesToDesktop
  }

  start(clientHead: Buffer, upstreamHead: Buffer): void {
    const client = this.#client
    const upstream = this.#upstream
    for (const socket of [client, upstream]) {
      socket.setTimeout(0)
      socket.setNoDelay(true)
      socket.setKeepAlive(true, KEEP_ALIVE_MS)
    }
    client.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason ??= error.code === 'ETIMEDOUT' ? 'client-gone' : 'client-closed'
    })
    upstream.on('error', () => (this.#reason ??= 'desktop-gone'))
    client.on('close', () => this.#finish('client-closed'))
    upstream.on('close', () => this.close('desktop-gone'))
    client.on('end', () => this.#finish('client-closed'))
    upstream.on('end', () => this.close('desktop-gone'))
    client.on('data', (chunk) => this.#toDesktop(chunk))
    upstream.on('drain', () => {
      this.#upstreamBlockedAt = 0
      this.#readOn()
    })
    client.on('drain', () => {
      this.#clientBlockedAt = 0
      upstream.resume()
    })

    if (clientHead.length > 0) this.#toDesktop(clientHead)
    if (upstreamHead.length > 0) this.#toBrowser(upstreamHead)
    readsOf(upstream).redirect((chunk) => this.#toBrowser(chunk))
    if (this.#clientBlockedAt === 0) upstream.resume()
    // One side may have closed during the handshake.
    if (client.destroyed) this.#finish('client-closed')
    else if (upstream.destroyed) this.close('desktop-gone')
  }

  /**
   * From here on no byte of the browser's passes. The frame under way is finished, a Close says why, and both sockets go.
   */
  close(reason: CloseReason): void {
    if (this.#isEnding || this.#isClosed) return
    this.#isEnding = true
    this.#reason ??= reason
    // Read and discard what the browser still sends: unread bytes would turn the FIN into a reset.
    this.#client.resume()
    const { destroyed, readableEnded } = this.#upstream
    if (destroyed || readableEnded || this.#serverFrames.isAtBoundary) {
      this.#sayClose()
      return
    }
    this.#upstream.resume()
    setTimeout(() => this.#sayClose(), BOUNDARY_TIMEOUT_MS).unref()
  }

  /** Lets the browser prove that it is still there, and keeps idle timers of proxies in between from expiring. */
  ping(): void {
    if (this.#isEnding) return
    this.#owesPing = true
    this.#pingWhereItFits()
  }

  /** Since when a side accepts no bytes although there are some (`performance.now()`); 0 while both do. */
  get blockedAt(): number {
    return this.#clientBlockedAt || this.#upstreamBlockedAt
  }

  /** Ends the tunnel if one of its sides has vanished. `now` is `performance.now()`. */
  checkLife(now: number, stalledAfter: number, silentAfter: number): void {
    const isStalled = (blockedAt: number): boolean =>
      blockedAt > 0 && now - blockedAt >= stalledAfter
    const bytes = this.#client.bytesRead
    if (bytes !== this.#heard.bytes) this.#heard = { bytes, at: now }
    if (isStalled(this.#clientBlockedAt) || now - this.#heard.at >= silentAfter) {
      this.#finish('client-gone')
    } else if (isStalled(this.#upstreamBlockedAt)) this.close('desktop-gone')
  }

  /** Called by the turn queue when it is this tunnel's turn. */
  takeTurn(): void {
    this.#isYielding = false
    this.#clientFrames.stepsLeft = STEPS_A_TURN
    this.#readOn()
  }

  /** Processes the rest of the last chunk, then reads on, once the desktop accepts bytes and it is this tunnel's turn. */
  #readOn(): void {
    const rest = this.#rest
    if (rest !== undefined && this.#mayRead()) {
      this.#rest = undefined
      this.#toDesktop(rest)
    }
    if (this.#mayRead()) this.#client.resume()
  }

  #mayRead(): boolean {
    return !this.#isYielding && this.#upstreamBlockedAt === 0
  }

  #toDesktop(chunk: Buffer): void {
    if (this.#isEnding) return
    const frames = this.#clientFrames
    const verdict = frames.check(chunk)
    const unknown = this.#reader?.unknown
    if (unknown !== undefined && !this.#isUnknown) {
      this.#isUnknown = true
      this.#events.onUnknown(unknown)
    }
    if (verdict === 'violation' || this.#reader?.isBeyondControl === true) {
      this.close('protocol-error')
      return
    }
    if (this.#reader?.takeHumanInput() === true) this.#events.onHumanInput()
    if (frames.hasClosed) this.#reason ??= 'client-closed'
    const { checked } = frames
    const isAll = checked === chunk.length
    if (verdict === 'as-it-came') this.#tellDesktop(isAll ? chunk : chunk.subarray(0, checked))
    else {
      this.#upstream.cork()
      for (const piece of frames.takeRewritten()) this.#tellDesktop(piece)
      this.#upstream.uncork()
    }
    if (frames.stepsLeft > 0) return
    this.#client.pause()
    this.#isYielding = true
    if (!isAll) this.#rest = chunk.subarray(checked)
    this.#turns.wait(this)
  }

  #tellDesktop(bytes: Buffer): void {
    this.#bytesToDesktop += bytes.length
    if (this.#upstream.write(bytes)) return
    this.#client.pause()
    this.#upstreamBlockedAt = performance.now()
  }

  /** True when nothing refers to the chunk's memory any longer. */
  #toBrowser(chunk: Buffer): boolean {
    if (this.#isEnding) return this.#finishFrame(chunk)
    this.#serverFrames.count(chunk)
    const isFree = this.#write(chunk)
    if (this.#owesPing) this.#pingWhereItFits()
    return isFree
  }

  #write(chunk: Buffer): boolean {
    const client = this.#client
    this.#bytesToBrowser += chunk.length
    // Waiting bytes keep their buffer alive. Copy a few bytes, so that they do not keep a whole read buffer.
    const isCopied =
      chunk.length < MIN_HELD_BYTES && (client.writableLength > 0 || client instanceof TLSSocket)
    if (!client.write(isCopied ? Buffer.from(chunk) : chunk)) {
      this.#upstream.pause()
      this.#clientBlockedAt = performance.now()
    }
    return isCopied || client.writableLength === 0
  }

  #finishFrame(chunk: Buffer): boolean {
    if (this.#client.writableEnded) return true
    const length = this.#serverFrames.countToBoundary(chunk)
    const isFree = length === 0 || this.#write(chunk.subarray(0, length))
    if (this.#serverFrames.isAtBoundary) this.#sayClose()
    return isFree
  }

  #pingWhereItFits(): void {
    const { isAtBoundary, hasClosed } = this.#serverFrames
    if (!isAtBoundary || hasClosed || this.#client.writableNeedDrain) return
    this.#owesPing = false
    this.#client.write(pingFrame())
  }

  /** Sends the Close frame, if the stream is between two frames, and the FIN. */
  #sayClose(): void {
    if (this.#isClosed || this.#client.writableEnded) return
    this.#upstream.destroy()
    const reason = this.#reason ?? 'desktop-gone'
    if (!this.#serverFrames.isAtBoundary) {
      // In the middle of a frame, the browser would take a Close for payload.
      // TLS has no reset. Without close_notify the browser still sees an unclean end.
      if (this.#client instanceof TLSSocket) this.#client.destroy()
      else this.#client.resetAndDestroy()
      return
    }
    if (!this.#serverFrames.hasClosed) this.#client.write(closeFrameFor(reason))
    this.#client.end()
    setTimeout(() => this.#finish(reason), LINGER_MS).unref()
  }

  /** Both sockets always end together. */
  #finish(reason: CloseReason): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#isEnding = true
    this.#reason ??= reason
    this.#client.destroy()
    this.#upstream.destroy()
    this.#events.onClosed(this.#reason)
  }
}
