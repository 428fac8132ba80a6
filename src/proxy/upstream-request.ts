// What every plain request to the desktop is held to, whoever carries it.

import type { ClientRequest } from 'node:http'
import type { Desktop } from '../desktop/desktop.ts'
import { codeOf, GatewayError } from '../lib/errors.ts'
import type { Log } from '../observability/log.ts'
import type { FailureKind } from '../pages/pages.ts'

/** Milliseconds until the desktop's answer must have begun, and between two pieces of it. */
export const ANSWER_WITHIN_MS = 30_000

/** Call it once the request has its socket; `onSwitched` is the one fault that Node tells nobody of. */
export function restrain(
  upstreamRequest: ClientRequest,
  desktop: Desktop,
  onSwitched: (error: GatewayError) => void,
): void {
  // One request a connection: what a server says too much must not become the next person's answer.
  upstreamRequest.shouldKeepAlive = false
  if (desktop.pausedFor() !== undefined) {
    // It turned another one away while this one waited.
    upstreamRequest.destroy(new GatewayError('desktop-refused', 'the desktop is left alone'))
    return
  }
  // Without a listener Node drops the connection and tells nobody.
  upstreamRequest.once('upgrade', (_, socket) => {
    socket.destroy()
    onSwitched(new GatewayError('desktop-broken', 'the desktop switched protocols unasked'))
  })
  // A byte a second keeps an idle timer happy for ever: the whole answer head has one deadline.
  const deadline = setTimeout(() => {
    upstreamRequest.destroy(
      new GatewayError('desktop-unreachable', 'the desktop did not answer in time'),
    )
  }, ANSWER_WITHIN_MS)
  upstreamRequest.once('response', () => clearTimeout(deadline))
  upstreamRequest.once('close', () => clearTimeout(deadline))
}

/** The desktop answered 401: it is left alone, and the operator told. */
export function turnedAway(desktop: Desktop, log: Log): void {
  desktop.markRefused()
  log.error(
    "the desktop refuses the gateway's credentials: check GATEWAY_DESKTOP_USERNAME and _PASSWORD",
  )
}

export function failureOf(error: unknown): FailureKind {
  const code = codeOf(error)
  if (code === 'desktop-refused' || code === 'desktop-broken' || code === 'desktop-busy')
    return code
  // What Node's parser did not understand.
  return error instanceof Error && 'bytesParsed' in error ? 'desktop-broken' : 'desktop-unreachable'
}
