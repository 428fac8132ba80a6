// Reads the desktop's bytes into reused memory. By default Node allocates 64 KiB for each read. After every few dozen MB
// of these, V8 collects garbage in the whole heap, which would be most of the cost of a tunnel.

import type { Agent } from 'node:http'
import type { OnReadOpts, Socket } from 'node:net'

/** The read buffer of a quiet connection, which carries only small messages such as fences and cursors. */
const SMALL_BYTES = 1_024
/** The size of one read in libuv. */
const LARGE_BYTES = 65_536
/** A connection is quiet after this many small reads in a row. During use, small updates come between large ones. */
const QUIET_AFTER_READS = 32
/** How many unused buffers of each size are kept. */
const MAX_FREE_BUFFERS = 32

type BufferSize = typeof SMALL_BYTES | typeof LARGE_BYTES

const freeBuffers: Readonly<Record<BufferSize, Buffer[]>> = { [SMALL_BYTES]: [], [LARGE_BYTES]: [] }

/** Receives the bytes of one read. Returns true when nothing refers to their memory any more. */
export type OnRead = (chunk: Buffer) => boolean

const readsBySocket = new WeakMap<Socket, ReusedReads>()

/**
 * Makes every connection of an agent reuse its read buffer. The options belong to the connection, not to a request: a
 * request that waited in the agent's queue gets a connection made with the options of another request.
 */
export function reuseReads(agent: Agent): Agent {
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (options, onCreated) => {
    const reads = new ReusedReads()
    const socket = connect({ ...options, ...reads.connectOptions }, onCreated)
    reads.attach(socket as Socket)
    return socket
  }
  return agent
}

/** The reads of a connection. Throws TypeError if no such agent made it. */
export function readsOf(socket: Socket): ReusedReads {
  const reads = readsBySocket.get(socket)
  if (reads === undefined) throw new TypeError('the connection has no reused reads')
  return reads
}

/** The reads of one connection. Until `redirect` is called, the socket works as a normal stream. */
export class ReusedReads {
  /** Options for `net.connect` and `tls.connect`. */
  readonly connectOptions: { readonly onread: OnReadOpts } = {
    onread: { buffer: () => this.#buffer, callback: (length) => this.#onRead(length) },
  }
  #buffer = acquireBuffer(SMALL_BYTES)
  #smallReads = QUIET_AFTER_READS
  #socket: Socket | undefined
  #listener: OnRead | undefined

  /** Sets the socket that was made with these options. Must be called before its first byte arrives. */
  attach(socket: Socket): void {
    this.#socket = socket
    readsBySocket.set(socket, this)
  }

  /** Sends all further bytes to `listener`, including bytes that the stream has buffered but nobody has read. */
  redirect(listener: OnRead): void {
    const socket = this.#socket
    for (let rest: Buffer | null; (rest = socket?.read() as Buffer | null) !== null;) listener(rest)
    this.#listener = listener
  }

  /** Returns false to stop reading until the socket is resumed. */
  #onRead(length: number): boolean {
    // Use only the bytes of this read: the rest of the buffer may hold data of another person's desktop.
    const chunk = this.#buffer.subarray(0, length)
    if (this.#listener === undefined) return this.#socket?.push(Buffer.from(chunk)) ?? false
    const isFree = this.#listener(chunk)
    this.#smallReads = length < SMALL_BYTES ? this.#smallReads + 1 : 0
    // A busy connection gets the large buffer: with the small one, an update needs more reads and writes.
    const size = this.#smallReads < QUIET_AFTER_READS ? LARGE_BYTES : SMALL_BYTES
    if (!isFree) this.#buffer = acquireBuffer(size)
    else if (this.#buffer.length !== size) {
      releaseBuffer(this.#buffer)
      this.#buffer = acquireBuffer(size)
    }
    return true
  }
}

function acquireBuffer(size: BufferSize): Buffer {
  // allocUnsafe takes small buffers from Node's pool. Thousands of separate allocations would fragment the memory, so
  // that it cannot go back to the kernel.
  return freeBuffers[size].pop() ?? Buffer.allocUnsafe(size)
}

function releaseBuffer(buffer: Buffer): void {
  const free = freeBuffers[buffer.length === SMALL_BYTES ? SMALL_BYTES : LARGE_BYTES]
  if (free.length < MAX_FREE_BUFFERS) free.push(buffer)
}
