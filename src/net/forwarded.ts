// Who the client is, seen through the proxies in front. `X-Forwarded-For` counts only as far as declared proxies
// wrote it: the rightmost address that is none of them is the client. `-Proto` and `-Host` are never read.

import { BlockList, isIP } from 'node:net'
import type { IncomingMessage } from 'node:http'

export interface Client {
  readonly address: string
  /** The peer sends `X-Forwarded-For` but is no declared proxy: many people may stand behind this one address. */
  readonly behindUndeclaredProxy: boolean
}

/** A function from a request to its client, for a list of CIDRs or addresses. */
export function createClientOf(
  trustedProxies: readonly string[],
): (request: IncomingMessage) => Client {
  const trusted = toBlockList(trustedProxies)
  const isTrusted = (address: string): boolean =>
    trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

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
      // What stands left of a value that is no address was written by nobody we know.
      if (isIP(address) === 0) break
      client = address
      if (!isTrusted(address)) break
    }
    return { address: client, behindUndeclaredProxy: false }
  }
}

function toBlockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [address = '', prefix] = cidr.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

// `[::1]:443`, `192.0.2.1:80` and the v4-mapped `::ffff:192.0.2.1` all name an address that has a plain form.
function plainAddress(text: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1]
  const withPort = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1]
  const address = bracketed ?? withPort ?? text
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
}
