import { expect, it } from 'vitest'
import { COMPLETE, problemsFrom, writeFile } from '../loading.ts'

it('names every file that cannot be read, in one answer', () => {
  const folder = writeFile('ca.pem', 'x').replace(/\/ca\.pem$/, '')
  const problems = problemsFrom({
    ...COMPLETE,
    GATEWAY_DESKTOP_URL: 'https://desktop:6901',
    GATEWAY_OIDC_CA_FILE: '/nowhere/ca.pem',
    GATEWAY_DESKTOP_CA_FILE: folder,
    GATEWAY_TLS_CERT_FILE: '/nowhere/tls.crt',
    GATEWAY_TLS_KEY_FILE: writeFile('tls.key', 'x'),
  })
  expect(problems).toEqual([
    'GATEWAY_TLS_CERT_FILE (tls.certFile): cannot read /nowhere/tls.crt: there is no such file',
    'GATEWAY_OIDC_CA_FILE (oidc.caFile): cannot read /nowhere/ca.pem: there is no such file',
    `GATEWAY_DESKTOP_CA_FILE (desktop.tls.caFile): cannot read ${folder}: it is a folder`,
  ])
})

it('has nothing to say of files that are there', () => {
  expect(problemsFrom({ ...COMPLETE, GATEWAY_OIDC_CA_FILE: writeFile('ca.pem', 'x') })).toEqual([])
})
