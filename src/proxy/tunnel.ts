// One proxied WebSocket: two sockets that live and die together. Towards the browser bytes pass as they come, and only
// frame headers are counted; towards the desktop every frame is checked before it is forwarded as it came.

import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Permission, Role } from '../config/config.ts'
import type { RfbClientReader, RfbUnknown } from '../desktop/rfb.ts'
import type { Upstream } from '../desktop/upstream.ts'
import { readsOf } from '../net/reused-reads.ts'
import { ClientFrames } from './client-frames.ts'
import { closeFrameFor, type CloseReason } from './close-reasons.ts'
import { FrameCounter, pingFrame } from './frames.ts'
import { OpaqueFrames } from './opaque-frames.ts'
import { STEPS_A_TURN, type TurnQueue } from './turn-queue.ts'

/** TCP keep-alive begins after so long; the kernel gives up 10 s later, which tells a vanished peer. */
const KEEP_ALIVE_MS = 30_000
/** The frame under way has so long to come to its end, or the browser gets no Close. */
const BOUNDARY_TIMEOUT_MS = 250
/** Fewer bytes than these are copied when they have to wait. */
const MIN_HELD_BYTES = 16_384
/** After our FIN the browser has so long for its own. */
const LINGER_MS = 500

export interface Link {
  readonly client: Socket
  /** The server at the other end. */
  readonly server: Pick<Upstream, 'url' | 'markGone'>
  /** Made by an agent that reuses reads. */
  readonly upstream: Socket
  /** What either side had sent behind its handshake. */
  readonly clientHead: Buffer
  readonly upstreamHead: Buffer
  readonly role: Role
  readonly clipboardIn: Permission
  readonly address: string
  readonly requestId: string
  /** Reads what the browser tells the desktop; undefined: it is no RFB, and frames are only counted. */
  readonly reader: RfbClientReader | undefined
  /** The longest payload that the desktop takes in one frame. */
  readonly longestFrame: number
}

export interface TunnelEvents {
  /** A person typed, pointed or pasted. */
  onHumanInput(): void
  /** From here on nobody knows what the browser says; once. */
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
  /** Since when (`performance.now()`: the clock on the wall may be put right) a side takes nothing; 0 while it does. */
  #clientBlockedAt = 0
  #upstreamBlockedAt = 0
  /** What the browser had sent when it was last looked at, and when that was (`performance.now()`). */
  #heard = { bytes: 0, at: performance.now() }
  /** Waits for its turn to go on with what the browser has sent, of which `#rest` is left. */
  #isYielding = false
  #rest: Buffer | undefined
  #owesPing = false
  /** The first cause seen, which is the one that counts. */
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

  /** Of the desktop's bytes, those that were passed on. */
  get bytesToBrowser(): number {
    return this.#bytesToBrowser
  }

  /** Of the browser's bytes, those that were passed on. */
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
    // One side may have closed already, while the handshake was under way.
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
    // What the browser still sends is read and thrown away: unread, it would turn our FIN into a reset.
    this.#client.resume()
    const { destroyed, readableEnded } = this.#upstream
    if (destroyed || readableEnded || this.#serverFrames.isAtBoundary) {
      this.#sayClose()
      return
    }
    this.#upstream.resume()
    setTimeout(() => this.#sayClose(), BOUNDARY_TIMEOUT_MS).unref()
  }

  /** Lets the browser show that it is there, and every idle timer in between that the stream is. */
  ping(): void {
    if (this.#isEnding) return
    this.#owesPing = true
    this.#pingWhereItFits()
  }

  /** Ends a tunnel one of whose sides has vanished. `now` is `performance.now()`. */
  checkLife(now: number, stalledAfter: number, silentAfter: number): void {
    const isStalled = (blockedAt: number): boolean =>
      blockedAt > 0 && now - blockedAt >= stalledAfter
    const bytes = this.#client.bytesRead
    if (bytes !== this.#heard.bytes) this.#heard = { bytes, at: now }
    if (isStalled(this.#clientBlockedAt) || now - this.#heard.at >= silentAfter) {
      this.#finish('client-gone')
    } else if (isStalled(this.#upstreamBlockedAt)) this.close('desktop-gone')
  }

  /** Called by the queue in which it waits while others are served. */
  takeTurn(): void {
    this.#isYielding = false
    this.#clientFrames.stepsLeft = STEPS_A_TURN
    this.#readOn()
  }

  /** Goes on with what is left of the last read, then reads: once the desktop takes more, and it is this tunnel's turn. */
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

  /** True when nothing refers to the chunk's memory any more. */
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
    // What has to wait holds its memory, and a few bytes are not to hold all that was read into.
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

  /** The last word, where it fits, and our FIN. */
  #sayClose(): void {
    if (this.#isClosed || this.#client.writableEnded) return
    this.#upstream.destroy()
    const reason = this.#reason ?? 'desktop-gone'
    if (!this.#serverFrames.isAtBoundary) {
      // In the middle of a frame nothing can be said that would be heard as what it is.
      // TLS has no reset of its own; without its close_notify the browser sees an unclean end all the same.
      if (this.#client instanceof TLSSocket) this.#client.destroy()
      else this.#client.resetAndDestroy()
      return
    }
    if (!this.#serverFrames.hasClosed) this.#client.write(closeFrameFor(reason))
    this.#client.end()
    setTimeout(() => this.#finish(reason), LINGER_MS).unref()
  }

  /** Both sockets always go together. */
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
