// Checks the files that settings name, once at start. A file that the gateway would fail on later, or that Node would
// silently read as "no certificates", is reported with the other problems.

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { createSecureContext } from 'node:tls'
import { codeOf } from '../../lib/errors.ts'
import { signatureAlgorithms } from '../../lib/signature-algorithm.ts'
import { parseStoreAddress } from '../../lib/store-address.ts'
import { problem, type Problem } from '../read/problem.ts'
import type { WrittenSettings } from '../schema/written-settings.ts'

/** Returns what is wrong with a file, as words that follow the setting's name, or undefined. */
type FileCheck = (file: string) => string | undefined

export function checkFiles(written: WrittenSettings): readonly Problem[] {
  const { tls, oidc, session, desktop, audit } = written
  const checks: readonly (readonly [string, string | undefined, FileCheck])[] = [
    ['tls.certFile', tls.certFile, checkCertificates],
    ['tls.keyFile', tls.keyFile, (file) => checkPrivateKey(file) ?? checkPair(tls.certFile, file)],
    ...oidc.flatMap(
      ({ path, privateKeyFile, federatedTokenFile, caFile }) =>
        [
          [`${path}.federatedTokenFile`, federatedTokenFile, checkReadable],
          [`${path}.privateKeyFile`, privateKeyFile, checkSigningKey],
          [`${path}.caFile`, caFile, checkCertificates],
        ] as const,
    ),
    ['session.storeCaFile', session.storeCaFile, checkCertificates],
    ['session.store', sqlitePath(session.store), checkWritable],
    ['desktop.tls.caFile', desktop.tls.caFile, checkCertificates],
    ...(desktop.routes ?? []).map(
      ({ tls: { caFile } }, index) =>
        [`desktop.routes[${index}].tls.caFile`, caFile, checkCertificates] as const,
    ),
    ['audit.file', audit.file, checkWritable],
  ]
  return checks.flatMap(([setting, file, check]) => {
    const words = file === undefined ? undefined : check(file)
    return words === undefined ? [] : [problem(setting, words)]
  })
}

function sqlitePath(store: string): string | undefined {
  const parsed = parseStoreAddress(store)
  return parsed.ok && parsed.address.kind === 'sqlite' ? parsed.address.path : undefined
}

function checkReadable(file: string): string | undefined {
  const read = readText(file)
  return read.text === undefined ? read.words : undefined
}

const CERTIFICATE =
  /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[\s\S]*?(?:-----END \1-----|$)/g

function checkCertificates(file: string): string | undefined {
  const read = readText(file)
  if (read.text === undefined) return read.words
  const certificates = [...read.text.matchAll(CERTIFICATE)].map(([pem]) => pem)
  // Node reads text without a certificate as an empty list and reports no error.
  if (certificates.length === 0) return `${file} holds no PEM certificate`
  const broken = certificates.findIndex((pem) => !succeeds(() => new X509Certificate(pem)))
  if (broken < 0) return undefined
  return `${file} holds a certificate that cannot be read, number ${broken + 1} of ${certificates.length}`
}

function checkPrivateKey(file: string): string | undefined {
  const read = readText(file)
  if (read.text === undefined) return read.words
  if (succeeds(() => createPrivateKey(read.text))) return undefined
  return /-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(read.text)
    ? `${file} holds an encrypted key; store it without a passphrase`
    : `${file} holds no PEM private key`
}

function checkSigningKey(file: string): string | undefined {
  const words = checkPrivateKey(file)
  if (words !== undefined) return words
  const key = createPrivateKey(readFileSync(file))
  return signatureAlgorithms(key).length === 0
    ? `${file} holds a key (${key.asymmetricKeyType}) that no provider takes; use RSA, P-256, P-384, P-521 or Ed25519`
    : undefined
}

/** Reports nothing when the certificate file is invalid: that problem is reported for its own setting. */
function checkPair(certFile: string | undefined, keyFile: string): string | undefined {
  if (certFile === undefined || checkCertificates(certFile) !== undefined) return undefined
  const [cert, key] = [readFileSync(certFile), readFileSync(keyFile)]
  // OpenSSL accepts a key of another type than the certificate, and then every handshake fails.
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    return `${keyFile} is not the key of the first certificate in ${certFile}`
  }
  try {
    createSecureContext({ cert, key })
    return undefined
  } catch (error) {
    const why = codeOf(error) ?? (error as Error).message
    return `${keyFile} and ${certFile} cannot be used for TLS: ${why}`
  }
}

/** The file may not exist yet, but its folder must. */
function checkWritable(file: string): string | undefined {
  try {
    if (existsSync(file)) {
      if (statSync(file).isDirectory()) return `cannot write ${file}: it is a folder`
      accessSync(file, constants.W_OK)
    } else if (statSync(dirname(file), { throwIfNoEntry: false })?.isDirectory() !== true) {
      return `cannot write ${file}: there is no such folder`
    } else {
      accessSync(dirname(file), constants.W_OK)
    }
    return undefined
  } catch (error) {
    return `cannot write ${file}: ${inWords(error)}`
  }
}

type Text = { readonly text: string } | { readonly text?: undefined; readonly words: string }

function readText(file: string): Text {
  try {
    return { text: readFileSync(file, 'utf8') }
  } catch (error) {
    return { words: `cannot read ${file}: ${inWords(error)}` }
  }
}

function succeeds(work: () => unknown): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}

function inWords(error: unknown): string {
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'permission denied',
    EISDIR: 'it is a folder',
    EROFS: 'the file system is read-only',
  }
  return words[codeOf(error) ?? ''] ?? codeOf(error) ?? 'it cannot be opened'
}
