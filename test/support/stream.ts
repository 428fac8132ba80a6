// An open stream of a signed-in person, and how it ends.

import { expect } from 'vitest'
import type { TestGateway } from './gateway.ts'
import type { Person } from './person.ts'
import { openWebSocket } from './raw-client.ts'

export type Stream = Awaited<ReturnType<typeof openWebSocket>>

/** Twice the required second, because these are real sockets on a busy machine. */
const DEADLINE_MS = 2_000

export async function openStream(
  gateway: Pick<TestGateway, 'origin' | 'publicPort'>,
  person: Person,
): Promise<Stream> {
  const { origin, publicPort } = gateway
  const stream = await openWebSocket(publicPort, {
    path: '/websockify',
    origin,
    cookie: person.cookieHeader(origin),
  })
  expect(stream.status).toBe(101)
  return stream
}

/** Checks that the browser gets this Close in time. */
export async function expectEnd(stream: Stream, code: number, reason: string): Promise<void> {
  const timeout = new Promise((_, reject) => {
    setTimeout(() => reject(new Error('the stream is still open')), DEADLINE_MS).unref()
  })
  expect(await Promise.race([stream.closed, timeout])).toMatchObject({ code, reason })
}

export function isOpen({ socket }: Stream): boolean {
  return !socket.destroyed && !socket.readableEnded
}
