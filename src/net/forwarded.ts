// Finds the client's address behind proxies. `X-Forwarded-For` counts only as far as declared proxies wrote it: the rightmost
// address that is not a declared proxy is the client. `-Proto` and `-Host` are never read.

import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { createAddressMatcher, plainAddress } from './address.ts'

export interface Client {
  readonly address: string
  /** The peer sends `X-Forwarded-For` but is not a declared proxy. Many people may share its address. */
  readonly behindUndeclaredProxy: boolean
}

/** Returns a function from a request to its client. The list holds CIDRs or addresses of proxies. */
export function createClientOf(
  trustedProxies: readonly string[],
): (request: IncomingMessage) => Client {
  const isTrusted = createAddressMatcher(trustedProxies)

  return function clientOf(request) {
    const peer = plainAddress(request.socket.remoteAddress ?? '')
    const forwarded = request.headers['x-forwarded-for']
    if (forwarded === undefined) return { address: peer, behindUndeclaredProxy: false }
    if (isIP(peer) === 0 || !isTrusted(peer)) {
      return { address: peer, behindUndeclaredProxy: true }
    }
    let client = peer
    const hops = (Array.isArray(forwarded) ? forwarded.join(',') : forwarded).split(',')
    for (const hop of hops.toReversed()) {
      const address = plainAddress(hop.trim())
      // Entries to the left of an invalid address cannot be trusted.
      if (isIP(address) === 0) break
      client = address
      if (!isTrusted(address)) break
    }
    return { address: client, behindUndeclaredProxy: false }
  }
}
