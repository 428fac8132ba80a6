import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, rmdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createCertificate } from '../../../support/certificate.ts'
import { CERT_FILE, COMPLETE, KEY_FILE, problemsFrom, refusal, writeFile } from '../loading.ts'

const HTTPS = { ...COMPLETE, GATEWAY_DESKTOP_URL: 'https://desktop:6901' }
const TLS = { GATEWAY_TLS_CERT_FILE: CERT_FILE, GATEWAY_TLS_KEY_FILE: KEY_FILE }
const { cert } = createCertificate()
const folder = dirname(CERT_FILE)

it('reports all unusable files at once', () => {
  const problems = problemsFrom({
    ...HTTPS,
    GATEWAY_OIDC_CA_FILE: '/nowhere/ca.pem',
    GATEWAY_DESKTOP_CA_FILE: folder,
    GATEWAY_TLS_CERT_FILE: '/nowhere/tls.crt',
    GATEWAY_TLS_KEY_FILE: KEY_FILE,
    GATEWAY_SESSION_STORE: 'sqlite:/nowhere/sessions.db',
    GATEWAY_AUDIT_FILE: '/nowhere/audit.log',
  })
  expect(problems).toEqual([
    'GATEWAY_TLS_CERT_FILE (tls.certFile): cannot read /nowhere/tls.crt: there is no such file',
    'GATEWAY_OIDC_CA_FILE (oidc.caFile): cannot read /nowhere/ca.pem: there is no such file',
    'GATEWAY_SESSION_STORE (session.store): cannot write /nowhere/sessions.db: there is no such folder',
    `GATEWAY_DESKTOP_CA_FILE (desktop.tls.caFile): cannot read ${folder}: it is a folder`,
    'GATEWAY_AUDIT_FILE (audit.file): cannot write /nowhere/audit.log: there is no such folder',
  ])
})

it('accepts correct files', () => {
  const env = {
    ...HTTPS,
    ...TLS,
    GATEWAY_OIDC_CA_FILE: writeFile('bundle.pem', `# Two of them\n${cert}\nmore words\n${cert}`),
    GATEWAY_OIDC_PRIVATE_KEY_FILE: KEY_FILE,
    GATEWAY_SESSION_STORE: 'rediss://redis',
    GATEWAY_SESSION_STORE_CA_FILE: CERT_FILE,
    GATEWAY_DESKTOP_CA_FILE: CERT_FILE,
    GATEWAY_AUDIT_FILE: join(folder, 'yet-to-come.log'),
  }
  expect(problemsFrom(env)).toEqual([])
})

describe('certificates to trust', () => {
  it.each([
    ['must not be missing from the file', 'root:x:0:0', 'holds no PEM certificate'],
    ['are none in an empty file', '', 'holds no PEM certificate'],
    ['are not in DER', randomBytes(700), 'holds no PEM certificate'],
    [
      'must all be readable',
      `${cert}${cert.slice(0, 200)}`,
      'holds a certificate that cannot be read, number 2 of 2',
    ],
  ])('%s', (_, content, words) => {
    const file = writeFile('ca.pem', content)
    expect(refusal('GATEWAY_OIDC_CA_FILE', file)).toBe(
      `GATEWAY_OIDC_CA_FILE (oidc.caFile): ${file} ${words}`,
    )
  })
})

describe('the key of the public listener', () => {
  const withKey = (key: string, certFile = CERT_FILE): readonly string[] =>
    problemsFrom({
      ...COMPLETE,
      GATEWAY_TLS_CERT_FILE: certFile,
      GATEWAY_TLS_KEY_FILE: writeFile('tls.key', key),
    }).map((words) => words.replaceAll(/\/\S*\//g, ''))

  it('is a private key', () => {
    expect(withKey(cert)).toEqual([
      'GATEWAY_TLS_KEY_FILE (tls.keyFile): tls.key holds no PEM private key',
    ])
  })

  it('is not encrypted', () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    const cipher = { cipher: 'aes-256-cbc', passphrase: 'x' }
    expect(
      withKey(privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher }) as string),
    ).toEqual([
      'GATEWAY_TLS_KEY_FILE (tls.keyFile): tls.key holds an encrypted key; store it without a passphrase',
    ])
  })

  it.each([
    ['of the same type', () => createCertificate().key],
    [
      'of another type',
      () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
    ],
  ])('must belong to the certificate, and is refused when it is another one %s', (_, make) => {
    expect(withKey(make() as string)).toEqual([
      'GATEWAY_TLS_KEY_FILE (tls.keyFile): tls.key is not the key of the first certificate in tls.crt',
    ])
  })

  it('is not reported when the certificate itself is invalid', () => {
    const { key } = createCertificate()
    expect(withKey(key, writeFile('tls.crt', 'x'))).toEqual([
      'GATEWAY_TLS_CERT_FILE (tls.certFile): tls.crt holds no PEM certificate',
    ])
  })
})

it('the signing key of the client must be of a type that providers accept', () => {
  const { privateKey } = generateKeyPairSync('ed448')
  const file = writeFile('client.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }))
  expect(refusal('GATEWAY_OIDC_PRIVATE_KEY_FILE', file)).toBe(
    `GATEWAY_OIDC_PRIVATE_KEY_FILE (oidc.privateKeyFile): ${file} holds a key (ed448) that no provider takes; use RSA, P-256, P-384, P-521 or Ed25519`,
  )
})

describe('the audit file', () => {
  it.each([
    ['a folder', () => folder, 'it is a folder'],
    ['below a file', () => join(CERT_FILE, 'audit.log'), 'there is no such folder'],
  ])('cannot be %s', (_, pathOf, words) => {
    const path = pathOf()
    expect(refusal('GATEWAY_AUDIT_FILE', path)).toBe(
      `GATEWAY_AUDIT_FILE (audit.file): cannot write ${path}: ${words}`,
    )
  })

  it('is not created by the check', () => {
    const inside = join(folder, 'checked')
    mkdirSync(inside)
    chmodSync(inside, 0o700)
    expect(problemsFrom({ ...COMPLETE, GATEWAY_AUDIT_FILE: join(inside, 'a.log') })).toEqual([])
    rmdirSync(inside)
  })
})
