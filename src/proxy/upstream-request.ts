// What every plain request to the desktop is held to, whoever carries it.

import type { ClientRequest } from 'node:http'
import type { Upstream } from '../desktop/upstream.ts'
import { codeOf, GatewayError } from '../lib/errors.ts'
import type { Log } from '../observability/log.ts'
import type { FailureKind } from '../pages/pages.ts'

/** Milliseconds until the desktop's answer must have begun, and between two pieces of it. */
export const ANSWER_TIMEOUT_MS = 30_000

/** GET and HEAD: no body of theirs is passed on. */
export const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD'])

/** Call it once the request has its socket; `onSwitched` is the one fault that Node tells nobody of. */
export function restrain(
  upstreamRequest: ClientRequest,
  upstream: Upstream,
  onSwitched: (error: GatewayError) => void,
): void {
  // One request a connection: what a server says too much must not become the next person's answer.
  upstreamRequest.shouldKeepAlive = false
  if (upstream.pausedFor() !== undefined) {
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
  let deadline: NodeJS.Timeout | undefined
  const mayTake = (): void => {
    deadline = setTimeout(() => {
      upstreamRequest.destroy(
        new GatewayError('desktop-unreachable', 'the desktop did not answer in time'),
      )
    }, ANSWER_TIMEOUT_MS)
  }
  // An answer to a body comes after it, and a large one takes its time.
  if (SAFE_METHODS.has(upstreamRequest.method)) mayTake()
  else upstreamRequest.once('finish', mayTake)
  upstreamRequest.once('response', () => clearTimeout(deadline))
  upstreamRequest.once('close', () => clearTimeout(deadline))
}

/** The desktop answered 401: it is left alone, and the operator told. */
export function turnedAway(upstream: Upstream, log: Log): void {
  upstream.markRefused()
  log.error(`the desktop refuses the gateway's credentials: check ${upstream.credentialSettings}`)
}

export function failureOf(error: unknown): FailureKind {
  const code = codeOf(error)
  if (code === 'desktop-refused' || code === 'desktop-broken' || code === 'desktop-busy')
    return code
  // What Node's parser did not understand.
  return error instanceof Error && 'bytesParsed' in error ? 'desktop-broken' : 'desktop-unreachable'
}
