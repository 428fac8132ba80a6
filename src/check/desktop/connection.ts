// Whether a server can be reached, and whether its certificate is accepted.

import { once } from 'node:events'
import { connect } from 'node:net'
import type { DesktopTls } from '../../config/config.ts'
import type { SocketAddress } from '../../desktop/probe.ts'
import { rootsOf } from '../../desktop/tls.ts'
import type { Upstream } from '../../desktop/upstream.ts'
import type { Findings } from '../finding.ts'
import { lifetimeOf } from '../lifetime.ts'
import { certificateFault, networkFailure } from '../network-failure.ts'
import { describeCertificate, fingerprintOf, peekAt, type Peer } from '../peer-certificate.ts'

const TIMEOUT_MS = 10_000

/** `setting` is the name of the settings about TLS. True if requests can be sent. */
export async function checkConnection(
  { url, address }: Pick<Upstream, 'url' | 'address'>,
  tls: DesktopTls,
  setting: string,
  findings: Findings,
): Promise<boolean> {
  try {
    await reach(address)
    findings.ok('reachable', `${url.host} accepts connections.`)
  } catch (error) {
    findings.fail('reachable', `${url.origin} cannot be reached: ${networkFailure(error)}.`)
    return false
  }
  if (url.protocol === 'http:') {
    findings.skip('tls', `${url.origin} is reached without TLS.`)
    return true
  }
  try {
    const peer = await peekAt(address, rootsOf(tls))
    return judge(peer, tls, setting, findings)
  } catch (error) {
    findings.fail('tls', `${url.origin} makes no TLS handshake: ${networkFailure(error)}.`)
    return false
  }
}

async function reach(address: SocketAddress): Promise<void> {
  const socket = connect(address)
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(TIMEOUT_MS) })
  } finally {
    socket.destroy()
  }
}

function judge(
  { certificate, fault }: Peer,
  tls: DesktopTls,
  setting: string,
  findings: Findings,
): boolean {
  const found = `Found: ${describeCertificate(certificate)}.`
  if (tls.fingerprint !== undefined) {
    if (fingerprintOf(certificate) === tls.fingerprint) {
      findings.ok('tls', 'The certificate is the pinned one.')
      return true
    }
    findings.fail(
      'tls',
      `The certificate is not the pinned one; expected the fingerprint ${tls.fingerprint}. ${found} If the desktop has made a new one, set ${setting}.fingerprint to it.`,
    )
    return false
  }
  if (tls.insecure) {
    findings.warn(
      'tls',
      `Any certificate is accepted (${setting}.insecure). ${found} Set ${setting}.fingerprint to this fingerprint instead.`,
    )
    return true
  }
  if (fault !== undefined) {
    findings.fail(
      'tls',
      `The certificate is not accepted: ${certificateFault(fault) ?? fault} (${fault}). ${found} If it is the desktop's, set ${setting}.fingerprint to this fingerprint, or ${setting}.caFile to its CA.`,
    )
    return false
  }
  const { state, words } = lifetimeOf(certificate, Date.now())
  findings.add(state, 'tls', `The certificate is accepted and ${words}.`)
  return true
}
