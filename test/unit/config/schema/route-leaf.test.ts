import { describe, expect, it } from 'vitest'

import { COMPLETE, problemsFrom, settingsFrom, warningsFrom, writeFile } from '../loading.ts'

const routes = (...entries: readonly string[]): string =>
  `desktop:\n  routes:\n${entries.map((entry) => `    - { ${entry} }\n`).join('')}`
const HTTP = 'url: "http://desktop:4901"'
const HTTPS = 'url: "https://desktop:4901"'
const PIN = 'ab'.repeat(32)

describe('a route', () => {
  it('is read with its defaults', () => {
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

  it('has all that the desktop has', () => {
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
    ['audio', 'must be a path such as /audio, of plain characters and without a slash at its end'],
    ['/', 'must be a path such as /audio, of plain characters and without a slash at its end'],
    [
      '/audio/',
      'must be a path such as /audio, of plain characters and without a slash at its end',
    ],
    ['/a//b', 'must be a path such as /audio, of plain characters and without a slash at its end'],
    [
      '/a/../b',
      'must be a path such as /audio, of plain characters and without a slash at its end',
    ],
    ['/a%2Fb', 'must be a path such as /audio, of plain characters and without a slash at its end'],
    ['/oauth2', 'must not begin with /oauth2, which is the gateway itself'],
    ['/oauth2/audio', 'must not begin with /oauth2, which is the gateway itself'],
  ])('has a path with one reading: %s', (path, words) => {
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
      'desktop.routes[0].password: must be set as well, or desktop.routes[0].username removed',
    ],
    [
      `path: /a, ${HTTP}, tls: { fingerprint: ${PIN} }`,
      'desktop.routes[0].tls.fingerprint: needs an https desktop.routes[0].url; change that or remove this',
    ],
    [
      `path: /a, ${HTTPS}, tls: { caFile: /nowhere/ca.pem }`,
      'desktop.routes[0].tls.caFile: cannot read /nowhere/ca.pem: there is no such file',
    ],
    [
      `path: /a, ${HTTP}, username: u, passwordFile: /nowhere/password`,
      'desktop.routes[0].passwordFile: must name a readable file; /nowhere/password is not (ENOENT)',
    ],
  ])('with a mistake is told what to change: %s', (entry, sentence) => {
    expect(problemsFrom(COMPLETE, routes(entry))).toContain(sentence)
  })

  it('does not repeat what stands where its password belongs', () => {
    const text = problemsFrom(COMPLETE, routes(`path: /a, ${HTTP}, username: u, password: 4711`))
    expect(text).toEqual(['desktop.routes[0].password: must be text; put it in quotes'])
  })

  it('has its path to itself', () => {
    const entries = [`path: /a, ${HTTP}`, `path: /b, ${HTTP}`, `path: /a, ${HTTP}`]
    expect(problemsFrom(COMPLETE, routes(...entries))).toEqual([
      "desktop.routes[2].path: /a is another route's already; remove one",
    ])
  })

  it('that trusts any certificate is spoken of at start', () => {
    expect(warningsFrom(COMPLETE, routes(`path: /a, ${HTTPS}, tls: { insecure: true }`))).toEqual([
      'desktop.routes[0].tls.insecure: any certificate is accepted as that of /a',
    ])
  })
})
