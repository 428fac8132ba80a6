// A person who has signed in and now writes requests byte by byte.

import type { TestGateway } from './gateway.ts'
import { Person } from './person.ts'
import {
  openWebSocket,
  rawRequest,
  type ConnectOptions,
  type RawAnswer,
  type RawRequestOptions,
  type RawWebSocket,
  type UpgradeOptions,
} from './raw-client.ts'

export interface SignedIn {
  readonly person: Person
  /** The `Cookie` header. */
  readonly cookie: string
  /** The text of a request with that cookie, on a connection of its own: `text('GET /vnc.html')`. */
  text(start: string, ...lines: string[]): string
  /** Writes bytes as they are. */
  send(bytes: string | readonly string[], options?: RawRequestOptions): Promise<RawAnswer>
  /** Both in one. */
  ask(start: string, ...lines: string[]): Promise<RawAnswer>
  /** An upgrade from the gateway's own page. */
  open(options?: UpgradeOptions & ConnectOptions): Promise<RawWebSocket>
  signOut(): Promise<void>
}

/** Signs in without asking the desktop for anything. */
export async function signIn(
  { origin, publicPort }: Pick<TestGateway, 'origin' | 'publicPort'>,
  username = 'alice',
): Promise<SignedIn> {
  const person = new Person()
  const { location } = await person.reachCallback(`${origin}/oauth2/start`, username)
  const { status } = await person.visit(location as URL)
  if (status !== 302) throw new Error(`the sign-in of ${username} ended with ${status}`)
  const cookie = person.cookieHeader(origin)

  const text = (start: string, ...lines: string[]): string =>
    [
      `${start} HTTP/1.1`,
      `Host: ${new URL(origin).host}`,
      `Cookie: ${cookie}`,
      'Connection: close',
      ...lines,
      '\r\n',
    ].join('\r\n')
  const send: SignedIn['send'] = (bytes, options) => rawRequest(publicPort, bytes, options)
  return {
    person,
    cookie,
    text,
    send,
    ask: (start, ...lines) => send(text(start, ...lines)),
    open: (options) => openWebSocket(publicPort, { origin, cookie, ...options }),
    async signOut() {
      await person.request(`${origin}/oauth2/sign_out`, { method: 'POST', headers: { origin } })
    },
  }
}
