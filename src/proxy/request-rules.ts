// Checks the form of a request that the gate has granted, before anything is forwarded.

import type { IncomingMessage } from 'node:http'
import type { KindOfDesktop } from '../desktop/desktop-kind.ts'
import { isSameOrigin } from '../net/navigation.ts'
import { SAFE_METHODS } from './upstream-request.ts'

export type Unacceptable = 'method-not-allowed' | 'bad-request' | 'cross-site'

/** How the body is forwarded: not at all, after it was read whole (KasmVNC's API), or as a stream (a route). */
export type BodyMode = 'none' | 'whole' | 'streamed'

export function bodyModeOf(method: string, kind: KindOfDesktop, path: string): BodyMode {
  if (kind.bodyMethods.includes(method)) return 'streamed'
  return method === 'POST' && kind.meaningOf(path) === 'owner-api' ? 'whole' : 'none'
}

/** The value of `Allow`. */
export function methodsOf(kind: KindOfDesktop, path: string): string {
  const others = kind.meaningOf(path) === 'owner-api' ? ['POST'] : kind.bodyMethods
  return [...SAFE_METHODS, ...others].join(', ')
}

/** `path` is canonical, `origin` the public one. */
export function unacceptable(
  request: IncomingMessage,
  mode: BodyMode,
  kind: KindOfDesktop,
  path: string,
  origin: string,
): Unacceptable | undefined {
  const { headers, method = '' } = request
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = headers
  if (mode === 'none') {
    if (!SAFE_METHODS.has(method)) return 'method-not-allowed'
    // A server that does not read an unexpected body takes it for a second request.
    if (length !== '0' || encoding !== undefined) return 'bad-request'
  }
  // Node decodes only the last transfer coding, so it must be the only one.
  if (encoding !== undefined && encoding.toLowerCase() !== 'chunked') return 'bad-request'
  // A service worker of the desktop would outlive the session and could answer for the gateway's own pages.
  if (headers['service-worker'] !== undefined) return 'bad-request'
  // A link or a form on another site would act with the cookie of the person who follows it.
  const isHarmless = mode === 'none' && kind.isReadOnly(path)
  return isHarmless || isSameOrigin(headers, origin) ? undefined : 'cross-site'
}
