// A self-signed certificate for loopback, made in the process: what a kasmweb desktop makes at each start. DER by hand
// (RFC 5280 4.1), as Node signs but does not issue.

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

export interface Certificate {
  /** PEM. */
  readonly key: string
  readonly cert: string
}

const OID = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
}
const DAY_MS = 86_400_000

/** For `localhost` and 127.0.0.1, and a CA: it can be trusted as its own root. */
export function createCertificate(commonName = 'kasm', validDays = 365): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = der(0x30, oid(OID.ecdsaWithSha256))
  const name = der(
    0x30,
    der(0x31, der(0x30, oid(OID.commonName), der(0x0c, Buffer.from(commonName)))),
  )
  const altNames = der(0x30, der(0x82, Buffer.from('localhost')), der(0x87, [127, 0, 0, 1]))
  const isCa = der(0x30, der(0x01, [0xff]))
  const toBeSigned = der(
    0x30,
    der(0xa0, der(0x02, [2])),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    name,
    der(0x30, utcTime(Date.now() - DAY_MS), utcTime(Date.now() + validDays * DAY_MS)),
    name,
    publicKey.export({ format: 'der', type: 'spki' }),
    der(
      0xa3,
      der(
        0x30,
        der(0x30, oid(OID.basicConstraints), der(0x01, [0xff]), der(0x04, isCa)),
        der(0x30, oid(OID.subjectAltName), der(0x04, altNames)),
      ),
    ),
  )
  const signature = der(0x03, [0], sign('sha256', toBeSigned, privateKey))
  const base64 = der(0x30, toBeSigned, algorithm, signature).toString('base64')
  return {
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${base64.replaceAll(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`,
  }
}

function der(tag: number, ...parts: readonly (Uint8Array | readonly number[])[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)))
  const { length } = content
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'))
}

function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)
  return der(0x17, Buffer.from(`${digits}Z`))
}
