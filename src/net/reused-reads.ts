// The desktop's bytes are read into memory that is used again. A socket of Node's own takes 64 KiB anew for each read,
// and every few dozen MB of those make V8 go over the whole heap: most of what a tunnel would cost.

import type { Agent } from 'node:http'
import type { OnReadOpts, Socket } from 'node:net'

/** All that a tunnel holds while nothing but a fence or a cursor passes. */
const SMALL = 1_024
/** What libuv asks the kernel for at once. */
const LARGE = 65_536
/** So many small reads in a row make a connection quiet. A desktop's large updates come between small ones. */
const QUIET_AFTER = 32
/** So many pieces of either size are kept while nobody reads into them. */
const MAX_SPARE = 32

const spare: Readonly<Record<typeof SMALL | typeof LARGE, Buffer[]>> = { [SMALL]: [], [LARGE]: [] }

/** Takes what was read; true when nothing refers to its memory any more. */
export type TakeRead = (chunk: Buffer) => boolean

const readsBySocket = new WeakMap<Socket, ReusedReads>()

/**
 * Lets every connection of an agent reuse its reads. Per connection and not in a request's options: a request that had
 * to wait is given a connection made with those of the request before it.
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

/** Of a connection that such an agent made. */
export function readsOf(socket: Socket): ReusedReads {
  const reads = readsBySocket.get(socket)
  if (reads === undefined) throw new TypeError('a connection without reused reads')
  return reads
}

/** The reads of one connection: a stream like any other until they are redirected. */
export class ReusedReads {
  /** For `net.connect` and `tls.connect`. */
  readonly connectOptions: { readonly onread: OnReadOpts } = {
    onread: { buffer: () => this.#memory, callback: (length) => this.#onRead(length) },
  }
  #memory = borrow(SMALL)
  #smallReads = QUIET_AFTER
  #socket: Socket | undefined
  #take: TakeRead | undefined

  /** The socket that was made with these options; before its first byte. */
  attach(socket: Socket): void {
    this.#socket = socket
    readsBySocket.set(socket, this)
  }

  /** From the next byte on, whether it was read already or not. */
  redirect(take: TakeRead): void {
    const socket = this.#socket
    for (let rest: Buffer | null; (rest = socket?.read() as Buffer | null) !== null;) take(rest)
    this.#take = take
  }

  /** False stops the reading until the socket is resumed. */
  #onRead(length: number): boolean {
    // Never more than was read just now: the rest is what somebody else's desktop sent.
    const chunk = this.#memory.subarray(0, length)
    if (this.#take === undefined) return this.#socket?.push(Buffer.from(chunk)) ?? false
    const isFree = this.#take(chunk)
    this.#smallReads = length < SMALL ? this.#smallReads + 1 : 0
    // What is large is read at once; a piece that is too small costs a read and a write more.
    const size = this.#smallReads < QUIET_AFTER ? LARGE : SMALL
    if (!isFree) this.#memory = borrow(size)
    else if (this.#memory.length !== size) {
      restore(this.#memory)
      this.#memory = borrow(size)
    }
    return true
  }
}

function borrow(size: typeof SMALL | typeof LARGE): Buffer {
  // Small ones are cut from larger pieces: thousands of their own would keep the kernel from taking memory back.
  return spare[size].pop() ?? Buffer.allocUnsafe(size)
}

function restore(memory: Buffer): void {
  const pieces = memory.length === SMALL ? spare[SMALL] : spare[LARGE]
  if (pieces.length < MAX_SPARE) pieces.push(memory)
}
