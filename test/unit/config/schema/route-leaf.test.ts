import { describe, expect, it } from 'vitest'

import { COMPLETE, problemsFrom, settingsFrom, warningsFrom, writeFile } from '../loading.ts'

const routes = (...entries: readonly string[]): string =>
  `desktop:\n  routes:\n${entries.map((entry) => `    - { ${entry} }\n`).join('')}`
const HTTP = 'url: "http://desktop:4901"'
const HTTPS = 'url: "https://desktop:4901"'
const PIN = 'ab'.repeat(32)

describe('a route', () => {
  it('gets its defaults', () => {
    const { desktop } = settingsFrom(COMPLETE, routes(`path: /audio, ${HTTP}`))
    expect(desktop.routes).toEqual([
      {
        path: '/audio',
        url: new URL('http://desktop:4901'),
        role: 'control',
        stripPrefix: true,
        credentials: undefined,
        tls: { caFile: undefined, fingerprint: undefined, insecure: false },
      },
    ])
  })

  it('can have credentials and TLS settings', () => {
    const file = writeFile('password', 'secret\n')
    const entry = `path: /kasm/mic-1, ${HTTPS}, role: view, stripPrefix: false, username: a, passwordFile: ${file}, tls: { fingerprint: ${PIN} }`
    expect(settingsFrom(COMPLETE, routes(entry)).desktop.routes).toMatchObject([
      {
        path: '/kasm/mic-1',
        role: 'view',
        stripPrefix: false,
        credentials: { username: 'a', password: 'secret' },
        tls: { fingerprint: PIN },
      },
    ])
  })

  it.each([
    ['audio', 'must be a path such as /audio, with plain characters only and no slash at the end'],
    ['/', 'must be a path such as /audio, with plain characters only and no slash at the end'],
    [
      '/audio/',
      'must be a path such as /audio, with plain characters only and no slash at the end',
    ],
    ['/a//b', 'must be a path such as /audio, with plain characters only and no slash at the end'],
    [
      '/a/../b',
      'must be a path such as /audio, with plain characters only and no slash at the end',
    ],
    ['/a%2Fb', 'must be a path such as /audio, with plain characters only and no slash at the end'],
    ['/oauth2', 'must not begin with /oauth2, the path of the gateway itself'],
    ['/oauth2/audio', 'must not begin with /oauth2, the path of the gateway itself'],
  ])('cannot have the path %s', (path, words) => {
    expect(problemsFrom(COMPLETE, routes(`path: "${path}", ${HTTP}`))).toEqual([
      `desktop.routes[0].path: ${words}; got ${JSON.stringify(path)}`,
    ])
  })

  it.each([
    [`path: /audio`, 'desktop.routes[0].url: must be an address such as http://desktop:6901'],
    [HTTP, 'desktop.routes[0].path: must be a path such as /audio'],
    [
      `path: /a, ${HTTP}, role: boss`,
      'desktop.routes[0].role: must be one of view, control, owner; got "boss"',
    ],
    [
      `path: /a, ${HTTP}, rol: view`,
      'gateway.yaml:3: desktop.routes[0].rol: is not a setting; did you mean desktop.routes[].role?',
    ],
    [
      `path: /a, ${HTTP}, username: u`,
      'desktop.routes[0].password: must be set too, because desktop.routes[0].username is set; set both or neither',
    ],
    [
      `path: /a, ${HTTP}, tls: { fingerprint: ${PIN} }`,
      'desktop.routes[0].tls.fingerprint: needs an https address in desktop.routes[0].url; change that or remove this setting',
    ],
    [
      `path: /a, ${HTTPS}, tls: { caFile: /nowhere/ca.pem }`,
      'desktop.routes[0].tls.caFile: cannot read /nowhere/ca.pem: there is no such file',
    ],
    [
      `path: /a, ${HTTP}, username: u, passwordFile: /nowhere/password`,
      'desktop.routes[0].passwordFile: must name a readable file; /nowhere/password is not (ENOENT)',
    ],
  ])('with a mistake leads to a problem that tells what to change: %s', (entry, sentence) => {
    expect(problemsFrom(COMPLETE, routes(entry))).toContain(sentence)
  })

  it('never quotes a value given as its password', () => {
    const text = problemsFrom(COMPLETE, routes(`path: /a, ${HTTP}, username: u, password: 4711`))
    expect(text).toEqual(['desktop.routes[0].password: must be text; put it in quotes'])
  })

  it('cannot have the path of another route', () => {
    const entries = [`path: /a, ${HTTP}`, `path: /b, ${HTTP}`, `path: /a, ${HTTP}`]
    expect(problemsFrom(COMPLETE, routes(...entries))).toEqual([
      'desktop.routes[2].path: another route already has the path /a; remove one of them',
    ])
  })

  it('that accepts any certificate causes a warning', () => {
    expect(warningsFrom(COMPLETE, routes(`path: /a, ${HTTPS}, tls: { insecure: true }`))).toEqual([
      'desktop.routes[0].tls.insecure: any certificate is accepted for /a',
    ])
  })
})
