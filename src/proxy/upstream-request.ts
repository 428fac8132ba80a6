// Time-outs and limits of every plain request to the desktop.

import type { ClientRequest } from 'node:http'
import type { Upstream } from '../desktop/upstream.ts'
import { codeOf, GatewayError } from '../lib/errors.ts'
import type { FailureKind } from '../pages/pages.ts'

/** Time-out in ms until the desktop's answer begins, and between two chunks of it. */
export const ANSWER_TIMEOUT_MS = 30_000

/** Methods whose body is never forwarded. */
export const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD'])

/** Call this when the request has its socket. `onSwitched` reports an unexpected 101, which Node does not report. */
export function restrain(
  upstreamRequest: ClientRequest,
  upstream: Upstream,
  onSwitched: (error: GatewayError) => void,
): void {
  // One request per connection: surplus bytes of a server must not become the next person's answer.
  upstreamRequest.shouldKeepAlive = false
  if (upstream.pausedFor() !== undefined) {
    // The desktop refused the gateway's credentials while this request waited.
    upstreamRequest.destroy(new GatewayError('desktop-refused', 'the desktop is left alone'))
    return
  }
  // Without a listener, Node closes the connection silently.
  upstreamRequest.once('upgrade', (_, socket) => {
    socket.destroy()
    onSwitched(new GatewayError('desktop-broken', 'the desktop switched protocols unasked'))
  })
  // One byte per second would keep an idle timer running for ever, so the whole header of the answer has one deadline.
  let deadline: NodeJS.Timeout | undefined
  const mayTake = (): void => {
    deadline = setTimeout(() => {
      upstreamRequest.destroy(
        new GatewayError('desktop-unreachable', 'the desktop did not answer in time'),
      )
    }, ANSWER_TIMEOUT_MS)
  }
  // The answer follows the request body, and a large body takes time.
  if (SAFE_METHODS.has(upstreamRequest.method)) mayTake()
  else upstreamRequest.once('finish', mayTake)
  upstreamRequest.once('response', () => clearTimeout(deadline))
  upstreamRequest.once('close', () => clearTimeout(deadline))
}

export function failureOf(error: unknown): FailureKind {
  const code = codeOf(error)
  if (code === 'desktop-refused' || code === 'desktop-broken' || code === 'desktop-busy')
    return code
  // Node's HTTP parser could not parse the answer.
  return error instanceof Error && 'bytesParsed' in error ? 'desktop-broken' : 'desktop-unreachable'
}
