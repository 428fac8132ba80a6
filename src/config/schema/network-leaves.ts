// Network settings: listen addresses, trusted proxies, the login limit.

import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'

import type * as z from 'zod'

import type { ListenAddress, RateLimit } from '../config.ts'
import { text } from './leaf.ts'

/** `:8080`, `127.0.0.1:8080`, `[::1]:8080`; port 0 means any free port. */
export const listenAddress: z.ZodType<ListenAddress> = text(
  'must be :port or address:port, such as :8080 or 127.0.0.1:8080',
  (written, refuse) => {
    const match = /^(?:\[(?<v6>[^\]]*)\]|(?<v4>[^:]+))?:(?<port>\d{1,5})$/.exec(written)
    const { v4, v6, port } = match?.groups ?? {}
    const knownHost = v6 === undefined ? isHost(v4) : isIPv6(v6)
    if (port === undefined || Number(port) > 65_535 || !knownHost) {
      return refuse('must be :port or address:port, such as :8080, 127.0.0.1:8080 or [::1]:8080')
    }
    return { host: v6 ?? v4, port: Number(port) }
  },
)

function isHost(v4: string | undefined): boolean {
  return v4 === undefined || v4 === 'localhost' || isIPv4(v4)
}

/** A host name without a port, in lower case. */
export const hostName: z.ZodType<string> = text('must be a host name', (written, refuse) =>
  /^[a-z\d](?:[a-z\d\-_.]{0,251}[a-z\d])?$/i.test(written)
    ? written.toLowerCase()
    : refuse('must be a host name without scheme and port, such as gateway-admin.desk.svc'),
)

/** A CIDR or a single address, as written. */
export const network: z.ZodType<string> = text('must be a CIDR', (written, refuse) =>
  isNetwork(written)
    ? written
    : refuse('must be a CIDR or a single address, such as 10.0.0.0/8, 192.0.2.7 or fd00::/8'),
)

function isNetwork(written: string): boolean {
  const [address = '', prefix, ...rest] = written.split('/')
  const family = isIP(address)
  // isIP accepts a zone (fe80::1%eth0), BlockList does not.
  if (family === 0 || address.includes('%') || rest.length > 0) return false
  if (prefix === undefined) return true
  if (!/^\d{1,3}$/.test(prefix)) return false
  try {
    new BlockList().addSubnet(address, Number(prefix), family === 4 ? 'ipv4' : 'ipv6')
    return true
  } catch {
    return false
  }
}

const WINDOW_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 }

/** `30/m`; `off` is undefined. */
export const rateLimit: z.ZodType<RateLimit | undefined> = text(
  'must be a rate such as 30/m, or off',
  (written, refuse) => {
    if (written === 'off') return undefined
    const match = /^([1-9]\d{0,5})\/([smh])$/.exec(written)
    const windowMs = WINDOW_MS[match?.[2] ?? '']
    if (windowMs === undefined) return refuse('must be a rate such as 30/m, 5/s or 200/h, or off')
    return { count: Number(match?.[1]), windowMs }
  },
)

/** Formats a rate so that `rateLimit` can read it. */
export function formatRateLimit(limit: RateLimit | undefined): string {
  if (limit === undefined) return 'off'
  const unit = Object.keys(WINDOW_MS).find((key) => WINDOW_MS[key] === limit.windowMs)
  return `${limit.count}/${unit}`
}
