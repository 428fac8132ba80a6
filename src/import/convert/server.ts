// Listeners, TLS, the public address, the proxies in front.

import { isIP, isIPv4, isIPv6 } from 'node:net'

import type { Draft } from './draft.ts'

export function convertServer(draft: Draft): void {
  convertPublicUrl(draft)
  convertListen(draft)
  convertProxies(draft)
}

const CALLBACK = '/oauth2/callback'
const PUBLIC_URL = 'Set it to the address that people open, such as https://desk.example.com.'

function convertPublicUrl(draft: Draft): void {
  const written = draft.text('redirect_url')
  if (written === undefined) {
    draft.miss('publicUrl', PUBLIC_URL)
    return
  }
  const url = URL.parse(written)
  const isUsable =
    url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url)))
  if (!isUsable) {
    draft.lose('redirect_url', 'It is no https address.')
    draft.miss('publicUrl', PUBLIC_URL)
    return
  }
  draft.put('publicUrl', url.origin)
  if (url.pathname !== CALLBACK) {
    draft.hint(
      'redirect_url',
      `Register ${url.origin}${CALLBACK} at the provider as the redirect address.`,
    )
  }
}

function isLoopback({ hostname }: URL): boolean {
  return (
    hostname === 'localhost' ||
    hostname === '[::1]' ||
    (isIPv4(hostname) && hostname.startsWith('127.'))
  )
}

/** With a certificate oauth2-proxy listens for HTTPS alone. */
function convertListen(draft: Draft): void {
  const [certFile, keyFile] = [draft.text('tls_cert_file'), draft.text('tls_key_file')]
  const hasTls = certFile !== undefined || keyFile !== undefined
  const [key, other] = hasTls
    ? ['https_address', 'http_address']
    : ['http_address', 'https_address']
  if (draft.has(other)) {
    const why = hasTls ? 'it listens for HTTPS alone' : 'there is no certificate'
    draft.lose(other, `oauth2-proxy does not use it: ${why}.`, false)
  }
  const written = draft.text(key) ?? (hasTls ? ':443' : '127.0.0.1:4180')
  const address = listenAddress(written)
  if (address === undefined)
    draft.lose(key, 'The gateway listens on an address and a port. Set listen.', false)
  else if (draft.has(key)) draft.put('listen', address)
  else draft.put('listen', address, 'The default of oauth2-proxy. In a container: ":8080".')

  const metrics = draft.text('metrics_address')
  if (metrics !== undefined) {
    const own = listenAddress(metrics)
    if (own === undefined) draft.lose('metrics_address', undefined, false)
    else draft.put('adminListen', own)
  }
  if (certFile !== undefined) draft.put('tls.certFile', certFile)
  if (keyFile !== undefined) draft.put('tls.keyFile', keyFile)
}

/** `http://0.0.0.0:4180` → `0.0.0.0:4180`. Undefined for sockets, descriptors and names. */
function listenAddress(written: string): string | undefined {
  const address = written.replace(/^https?:\/\//i, '')
  const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([^:/]*)):(\d{1,5})$/.exec(address) ?? []
  if (port === undefined || Number(port) > 65_535) return undefined
  const isHost = v6 === undefined ? v4 === '' || v4 === 'localhost' || isIPv4(v4 ?? '') : isIPv6(v6)
  return isHost ? address : undefined
}

function convertProxies(draft: Draft): void {
  if (!draft.flag('reverse_proxy')) {
    if (draft.has('trusted_proxy_ips'))
      draft.lose('trusted_proxy_ips', 'It has no effect without reverse-proxy.', false)
    return
  }
  const networks = draft.list('trusted_proxy_ips')
  const named = networks.filter((network) => isNetwork(network) && !network.endsWith('/0'))
  if (named.length > 0) draft.put('trustedProxies', named)
  if (named.length < networks.length) {
    draft.lose(
      'trusted_proxy_ips',
      'Networks that contain every address, and what is no address, are left out. Set trustedProxies to the addresses of your proxies.',
      false,
    )
  }
  if (networks.length === 0) {
    draft.hint(
      'reverse_proxy',
      'Set trustedProxies to the addresses of your proxies, such as [10.0.0.0/8]. Until then all people share one address in limits and audit.',
    )
  }
}

function isNetwork(written: string): boolean {
  const [address = '', prefix = '0', ...rest] = written.split('/')
  const family = isIP(address)
  return (
    family !== 0 &&
    rest.length === 0 &&
    !address.includes('%') &&
    /^\d{1,3}$/.test(prefix) &&
    Number(prefix) <= (family === 4 ? 32 : 128)
  )
}
