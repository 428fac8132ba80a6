// Files that settings name are looked into once before the start: what the gateway would fail on later, or take without
// a word for no certificate at all, is one more line in the list of problems.

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { createSecureContext } from 'node:tls'
import { codeOf } from '../../lib/errors.ts'
import { signatureAlgorithms } from '../../lib/signature-algorithm.ts'
import { parseStoreAddress } from '../../lib/store-address.ts'
import { problem, type Problem } from '../read/problem.ts'
import type { WrittenSettings } from '../schema/written-settings.ts'

/** What is wrong with a file, to be read on after its setting's name; undefined: nothing. */
type Look = (file: string) => string | undefined

export function checkFiles(written: WrittenSettings): readonly Problem[] {
  const { tls, oidc, session, desktop, audit } = written
  const looked: readonly (readonly [string, string | undefined, Look])[] = [
    ['tls.certFile', tls.certFile, atCertificates],
    ['tls.keyFile', tls.keyFile, (file) => atPrivateKey(file) ?? atPair(tls.certFile, file)],
    ['oidc.privateKeyFile', oidc.privateKeyFile, atSigningKey],
    ['oidc.caFile', oidc.caFile, atCertificates],
    ['session.storeCaFile', session.storeCaFile, atCertificates],
    ['session.store', sqlitePath(session.store), atWritable],
    ['desktop.tls.caFile', desktop.tls.caFile, atCertificates],
    ...(desktop.routes ?? []).map(
      ({ tls: { caFile } }, index) =>
        [`desktop.routes[${index}].tls.caFile`, caFile, atCertificates] as const,
    ),
    ['audit.file', audit.file, atWritable],
  ]
  return looked.flatMap(([setting, file, look]) => {
    const words = file === undefined ? undefined : look(file)
    return words === undefined ? [] : [problem(setting, words)]
  })
}

function sqlitePath(store: string): string | undefined {
  const parsed = parseStoreAddress(store)
  return parsed.ok && parsed.address.kind === 'sqlite' ? parsed.address.path : undefined
}

const CERTIFICATE =
  /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[\s\S]*?(?:-----END \1-----|$)/g

function atCertificates(file: string): string | undefined {
  const read = readText(file)
  if (read.text === undefined) return read.words
  const certificates = [...read.text.matchAll(CERTIFICATE)].map(([pem]) => pem)
  // Node takes a list without a certificate in it for an empty one, and says nothing.
  if (certificates.length === 0) return `${file} holds no PEM certificate`
  const broken = certificates.findIndex((pem) => !succeeds(() => new X509Certificate(pem)))
  if (broken < 0) return undefined
  return `${file} holds a certificate that cannot be read, number ${broken + 1} of ${certificates.length}`
}

function atPrivateKey(file: string): string | undefined {
  const read = readText(file)
  if (read.text === undefined) return read.words
  if (succeeds(() => createPrivateKey(read.text))) return undefined
  return /-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(read.text)
    ? `${file} holds an encrypted key; it must be there without a passphrase`
    : `${file} holds no PEM private key`
}

function atSigningKey(file: string): string | undefined {
  const words = atPrivateKey(file)
  if (words !== undefined) return words
  const key = createPrivateKey(readFileSync(file))
  return signatureAlgorithms(key).length === 0
    ? `${file} holds a key (${key.asymmetricKeyType}) that no provider takes; use RSA, P-256, P-384, P-521 or Ed25519`
    : undefined
}

/** Each of them is told of by itself where it is the one that is wrong. */
function atPair(certFile: string | undefined, keyFile: string): string | undefined {
  if (certFile === undefined || atCertificates(certFile) !== undefined) return undefined
  const [cert, key] = [readFileSync(certFile), readFileSync(keyFile)]
  // OpenSSL itself keeps a key of another kind beside the certificate, and every handshake fails.
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

/** The file itself may be yet to come, its folder not. */
function atWritable(file: string): string | undefined {
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
