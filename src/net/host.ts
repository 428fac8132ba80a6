// Which host a request is for: `Host` (RFC 9110 7.2), or the authority of a target in absolute form (RFC 9112 3.2.2). A request
// must not name two hosts, because a proxy in front and the gateway could each believe a different one.

import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/**
 * Brings a target in absolute form into origin form: its authority takes the place of `Host`, and the rest, byte for
 * byte, that of the target. False: the request names no valid host, several, or in its target one that is not ours.
 */
export function settleHost(request: IncomingMessage, publicUrl: URL): boolean {
  const { headers, url = '' } = request
  if (!hasOneHost(request)) return false
  if (url.startsWith('/')) return true
  const { scheme, authority, rest } = ABSOLUTE.exec(url)?.groups ?? {}
  // Another form (`*`): the check of the target decides.
  if (scheme === undefined || authority === undefined || rest === undefined) return true
  // Both http and https are possible, since a proxy in front may terminate TLS.
  const isOurs =
    HOST.test(authority) && URL.parse(`${scheme}://${authority}`)?.host === publicUrl.host
  if (!isOurs) return false
  headers.host = authority
  request.url = rest.startsWith('/') ? rest : `/${rest}`
  return true
}

/** True without a `Host` field (HTTP/1.0) or with one valid field. Node keeps the first field and drops the others. */
export function hasOneHost({ headers, rawHeaders }: IncomingMessage): boolean {
  if (headers.host !== undefined && !HOST.test(headers.host)) return false
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    if (name.length === 4 && name.toLowerCase() === 'host') count += 1
  }
  return count <= 1
}

/**
 * `Host` is an IP address, `localhost` or one of `names` (in lower case), with any port. A page whose name leads to this
 * listener by DNS (rebinding) cannot choose any of these.
 */
export function isAddressOrNamed(host: string | undefined, names: readonly string[]): boolean {
  const name = (host ?? '').toLowerCase().replace(/:\d*$/, '')
  return (
    name === 'localhost' || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0 || names.includes(name)
  )
}

const ABSOLUTE = /^(?<scheme>https?):\/\/(?<authority>[^/?#]*)(?<rest>.*)$/i
// uri-host and port (RFC 3986 3.2.2, 3.2.3), without user information.
const HOST = /^(?:[\w\-.~!$&'()*+,;=%]*|\[[\da-fv:.]+\])(?::\d*)?$/i
