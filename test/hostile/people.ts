// People at work during the attack. Each repeatedly requests a page on a keep-alive connection and a picture through a tunnel,
// and records failures and the longest times.

import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RawWebSocket } from '../support/raw-client.ts'
import { signIn, type SignedIn } from '../support/signed-in.ts'
import { OPCODE } from '../support/websocket-wire.ts'

const EVERY_MS = 250
const TIMEOUT_MS = 10_000
const VERSION_3_8 = 'RFB 003.008\n'
const SECURITY_NONE = Uint8Array.of(1)
const CLIENT_INIT = Uint8Array.of(1)
/** FramebufferUpdateRequest of 1 × 1 pixel: RFC 6143 7.5.3. */
const ASK_FOR_PICTURE = Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 1, 0, 1)

export interface Notes {
  readonly asked: number
  readonly failures: readonly string[]
  readonly slowestMs: number
}

export interface People {
  /** What happened since the last time. */
  takeNotes(): Notes
  stop(): Promise<void>
}

export async function startPeople(
  origin: string,
  publicPort: number,
  names: readonly string[],
): Promise<People> {
  const tls = origin.startsWith('https:')
  const agent = tls
    ? new HttpsAgent({ keepAlive: true, rejectUnauthorized: false })
    : new HttpAgent({ keepAlive: true })
  const abandon = new AbortController()
  let asked = 0
  let failures: string[] = []
  let slowestMs = 0

  async function note(what: string, ask: () => Promise<void>): Promise<void> {
    const since = performance.now()
    asked += 1
    try {
      await ask()
    } catch (error) {
      if (!abandon.signal.aborted) failures.push(`${what}: ${(error as Error).message}`)
    }
    slowestMs = Math.max(slowestMs, performance.now() - since)
  }

  async function page({ cookie }: SignedIn): Promise<void> {
    const send = tls ? httpsRequest : httpRequest
    const options = { agent, headers: { cookie }, signal: AbortSignal.timeout(TIMEOUT_MS) }
    const [answer] = (await once(send(`${origin}/vnc.html`, options).end(), 'response')) as [
      IncomingMessage,
    ]
    await once(answer.resume(), 'end')
    if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`)
  }

  async function picture(tunnel: RawWebSocket): Promise<void> {
    tunnel.sendFrame(ASK_FOR_PICTURE)
    for (;;) {
      const frame = await tunnel.nextFrame(TIMEOUT_MS)
      if (frame.opcode === OPCODE.binary) return
    }
  }

  async function repeat(what: string, ask: () => Promise<void>): Promise<void> {
    while (!abandon.signal.aborted) {
      await note(what, ask)
      await sleep(EVERY_MS)
    }
  }

  async function enter(name: string): Promise<void> {
    const person = await signIn({ origin, publicPort }, name)
    const tunnel = await person.open({ tls })
    if (tunnel.status !== 101) throw new Error(`the tunnel of ${name}: ${tunnel.status}`)
    // The server's version, security types, result; then its ServerInit.
    for (const message of [VERSION_3_8, SECURITY_NONE, CLIENT_INIT]) {
      await tunnel.nextFrame(TIMEOUT_MS)
      tunnel.sendFrame(message)
    }
    await tunnel.nextFrame(TIMEOUT_MS)
    works.push(
      repeat(`page of ${name}`, () => page(person)),
      repeat(`tunnel of ${name}`, () => picture(tunnel)).finally(() => tunnel.socket.destroy()),
    )
  }

  const works: Promise<void>[] = []
  // One after the other: KasmVNC's own queue of handshakes is short.
  for (const name of names) await enter(name)
  return {
    takeNotes() {
      const notes = { asked, failures, slowestMs }
      asked = 0
      failures = []
      slowestMs = 0
      return notes
    },
    async stop() {
      abandon.abort()
      await Promise.all(works)
      agent.destroy()
    },
  }
}
