// Checks the certificates in files that the settings name: how long they are valid, and whether the gateway's own is for its
// public name.

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { Settings } from '../config/config.ts'
import { printable } from '../lib/printable.ts'
import { Findings, type Finding } from './finding.ts'
import { lifetimeOf } from './lifetime.ts'

const MAX_TEXT = 200

/** Throws if a file has become unreadable since the settings were loaded. */
export function checkCertificates(settings: Settings, now: number): readonly Finding[] {
  const { tls } = settings
  const own =
    tls === undefined
      ? skipOwn(settings)
      : [
          ...checkLifetimes('tls.certFile', tls.certFile, now, false),
          ...checkName(settings, tls.certFile),
        ]
  return [
    ...own,
    ...filesOf(settings).flatMap(([setting, file]) => checkLifetimes(setting, file, now, true)),
  ]
}

function skipOwn({ publicUrl }: Settings): readonly Finding[] {
  const findings = new Findings('certificate', 'tls.certFile')
  const where =
    publicUrl.protocol === 'https:' ? 'TLS ends at the proxy in front of the gateway' : 'no TLS'
  findings.skip('end', `The gateway has no certificate of its own (${where}).`)
  return findings.all
}

function filesOf({
  providers,
  session,
  desktop,
}: Settings): readonly (readonly [string, string])[] {
  const isList = providers.length > 1
  const files: readonly (readonly [string, string | undefined])[] = [
    ...providers.flatMap(({ caFile, privateKeyFile }, index) => {
      const section = isList ? `oidc[${index}]` : 'oidc'
      return [
        [`${section}.caFile`, caFile],
        // For Entra, the certificate of the key is in the same file.
        [`${section}.privateKeyFile`, privateKeyFile],
      ] as const
    }),
    ['session.storeCaFile', session.storeCaFile],
    ['desktop.tls.caFile', desktop.tls.caFile],
    ...desktop.routes.map(
      ({ tls }, index) => [`desktop.routes[${index}].tls.caFile`, tls.caFile] as const,
    ),
  ]
  return files.flatMap(([setting, file]) => (file === undefined ? [] : [[setting, file] as const]))
}

const BY_URGENCY = ['failed', 'warning', 'ok'] as const

/** One finding for the most urgent certificate of the file; none for a file without certificates. */
function checkLifetimes(
  setting: string,
  file: string,
  now: number,
  isBundle: boolean,
): readonly Finding[] {
  const [first, ...others] = certificatesIn(file)
    .toSorted((one, other) => one.validToDate.getTime() - other.validToDate.getTime())
    .map((certificate) => ({ certificate, ...lifetimeOf(certificate, now) }))
    .toSorted((one, other) => BY_URGENCY.indexOf(one.state) - BY_URGENCY.indexOf(other.state))
  if (first === undefined) return []
  const { certificate, words } = first
  // An old root among others does no harm.
  const isHarmless = isBundle && others.some(({ state }) => state !== 'failed')
  const state = first.state === 'failed' && isHarmless ? 'warning' : first.state
  const findings = new Findings('certificate', setting)
  const subject = printable(certificate.subject.replaceAll('\n', ', '), MAX_TEXT)
  findings.add(state, 'end', `The certificate in ${file} (${subject}) ${words}.`)
  return findings.all
}

function checkName({ publicUrl }: Settings, file: string): readonly Finding[] {
  const findings = new Findings('certificate', 'tls.certFile')
  const [own] = certificatesIn(file)
  const host = publicUrl.hostname.replaceAll(/^\[|\]$/g, '')
  const isFor = isIP(host) === 0 ? own?.checkHost(host) : own?.checkIP(host)
  const names = printable(own?.subjectAltName ?? 'none', MAX_TEXT)
  if (isFor === undefined) {
    findings.fail(
      'name',
      `The certificate in ${file} is for other names (${names}); expected ${host}, the host of publicUrl. Get one for that name, or correct publicUrl.`,
    )
  } else findings.ok('name', `The certificate is for ${host}, the host of publicUrl.`)
  return findings.all
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g

function certificatesIn(file: string): readonly X509Certificate[] {
  const pems = readFileSync(file, 'utf8').match(CERTIFICATE) ?? []
  return pems.map((pem) => new X509Certificate(pem))
}
