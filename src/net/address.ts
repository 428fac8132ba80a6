// Brings IP addresses into the one form in which they are compared and counted.

import { BlockList, isIP } from 'node:net'

// `[::1]:443`, `192.0.2.1:80` and the v4-mapped `::ffff:192.0.2.1` all name an address that has a plain form.
export function plainAddress(text: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1]
  const withPort = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1]
  const address = bracketed ?? withPort ?? text
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
}

/** A plain IPv4 address itself; the /64 of an IPv6 address, since one household or phone holds a whole /64. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address
  const groups = address.split('::')
  const head = (groups[0] ?? '').split(':').filter((group) => group !== '')
  const tail = (groups[1] ?? '').split(':').filter((group) => group !== '')
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0')
  const full = groups.length === 1 ? head : [...head, ...zeros, ...tail]
  return full.slice(0, 4).join(':')
}

/** Tells whether a plain address is in one of these CIDRs, or one of these addresses. */
export function createAddressMatcher(cidrs: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [address = '', prefix] = cidr.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return (address) => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
