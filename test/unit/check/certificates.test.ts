// Certificates in files: how long they are valid, and for whom.

import { expect, it } from 'vitest'
import { checkCertificates } from '../../../src/check/certificates.ts'
import { lifetimeOf } from '../../../src/check/lifetime.ts'
import { createCertificate } from '../../support/certificate.ts'
import { CERT_FILE, COMPLETE, KEY_FILE, settingsFrom, writeFile } from '../config/loading.ts'

const DAY_MS = 86_400_000
/** Certificates of tests are valid for a year. */
const YEAR = 365
const TLS = { GATEWAY_TLS_CERT_FILE: CERT_FILE, GATEWAY_TLS_KEY_FILE: KEY_FILE }

function findingsOf(environment: Readonly<Record<string, string>>, afterDays = 0) {
  const settings = settingsFrom({ ...COMPLETE, ...environment })
  return checkCertificates(settings, Date.now() + afterDays * DAY_MS)
}

it.each([
  [YEAR - 22, 'ok', 'ends on 20'],
  [YEAR - 20, 'warning', 'ends in 19 days'],
  [YEAR + 1, 'failed', 'ended on 20'],
])('the end of the own certificate, after %i days: %s', (days, state, words) => {
  expect(findingsOf(TLS, days)[0]).toEqual({
    id: 'certificate.end',
    subject: 'tls.certFile',
    state,
    message: expect.stringContaining(words),
  })
})

it('a certificate that is not valid yet fails', () => {
  const validFromDate = new Date('2030-01-01')
  const validToDate = new Date('2031-01-01')
  expect(lifetimeOf({ validFromDate, validToDate }, Date.parse('2029-12-01'))).toEqual({
    state: 'failed',
    words: 'is not valid before 2030-01-01',
  })
})

it.each([
  ['http://localhost:8080', 'ok', 'is for localhost'],
  ['http://127.0.0.1:8080', 'ok', 'is for 127.0.0.1'],
  [
    'https://desk.example.com',
    'failed',
    'names (DNS:localhost, IP Address:127.0.0.1); expected desk.example.com',
  ],
])('the name of the own certificate, at %s: %s', (publicUrl, state, words) => {
  const found = findingsOf({ ...TLS, GATEWAY_PUBLIC_URL: publicUrl })
  expect(found.find(({ id }) => id === 'certificate.name')).toMatchObject({
    state,
    message: expect.stringContaining(words),
  })
})

it('CA files count, and an old root beside a valid one draws only a warning', () => {
  const roots = [createCertificate('new'), createCertificate('old', 30)]
  const file = writeFile('roots.pem', roots.map(({ cert }) => cert).join(''))
  const stateAfter = (days: number) =>
    findingsOf({ GATEWAY_OIDC_CA_FILE: file }, days).find(
      ({ subject }) => subject === 'oidc.caFile',
    )
  expect(stateAfter(0)?.state).toBe('ok')
  expect(stateAfter(40)).toMatchObject({
    state: 'warning',
    message: expect.stringContaining('(CN=old) ended on'),
  })
  expect(stateAfter(YEAR + 1)?.state).toBe('failed')
})

it('a gateway without a certificate has nothing to check', () => {
  expect(findingsOf({})).toEqual([
    {
      id: 'certificate.end',
      subject: 'tls.certFile',
      state: 'skipped',
      message: expect.stringContaining('TLS ends at the proxy'),
    },
  ])
})
