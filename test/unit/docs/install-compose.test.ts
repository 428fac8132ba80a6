// examples/compose.yaml and docs/install-compose.md: the gateway takes the settings in them, they fit the desktop beside it,
// and nothing else reaches that desktop.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { Settings } from '../../../src/config/config.ts'
import { loadSettings } from '../../../src/config/load.ts'
import { createCertificate } from '../../support/certificate.ts'

interface Service {
  readonly image: string
  readonly environment: Readonly<Record<string, string>>
  readonly networks: readonly string[]
  readonly volumes: readonly string[]
  readonly ports?: readonly string[]
  readonly stop_grace_period?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[] }
}

interface Compose {
  readonly services: Readonly<Record<'gateway' | 'desktop', Service>>
  readonly networks: Readonly<Record<string, null>>
  readonly volumes: Readonly<Record<string, null>>
}

const text = readFileSync('examples/compose.yaml', 'utf8')
const page = readFileSync('docs/install-compose.md', 'utf8')

/** The `.env` of the page. */
const variables = Object.fromEntries(
  (/^PUBLIC_URL=.*?(?=^```)/ms.exec(page)?.[0] ?? '')
    .trim()
    .split('\n')
    .map((line) => line.split('=') as [string, string]),
)

/** Compose's interpolation, as far as the file uses it: `${NAME:?message}` and `${NAME:-default}`. */
const interpolate = (source: string): string =>
  source.replaceAll(
    /\$\{(\w+)(?::([?-])([^}]*))?\}/g,
    (_all, name: string, kind?: string, rest = '') => {
      const value = variables[name]
      if (value === undefined && kind !== '-') throw new Error(`${name} is not in .env: ${rest}`)
      return value ?? rest
    },
  )

const compose = parse(interpolate(text)) as Compose
const { gateway, desktop } = compose.services

const folder = mkdtempSync(join(tmpdir(), 'ghostwire-compose-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The settings, with the volumes that the page prepares in place of those in the container. */
const settingsOfGateway = (): Settings => {
  for (const name of ['secrets', 'tls', 'sessions']) mkdirSync(join(folder, name))
  const { cert, key } = createCertificate()
  writeFileSync(join(folder, 'tls/tls.crt'), cert)
  writeFileSync(join(folder, 'tls/tls.key'), key)
  for (const name of ['client-secret', 'session-secret']) {
    expect(page).toContain(` > secrets/${name}\n`)
    writeFileSync(join(folder, 'secrets', name), 'a secret of more than thirty-two bytes\n')
  }
  const mounts = gateway.volumes.map((volume) => volume.split(':') as [string, string])
  const env = Object.fromEntries(
    Object.entries(gateway.environment).map(([name, value]) => {
      const moved = mounts.reduce(
        (path, [from, to]) =>
          path.replace(new RegExp(`(^|sqlite:)${to}/`), `$1${join(folder, from)}/`),
        value,
      )
      return [name, moved]
    }),
  )
  const loaded = loadSettings({ env, configFile: undefined })
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
  // The page says why, and that there is this one.
  expect(loaded.warnings).toEqual([expect.stringContaining('desktop.tls.insecure')])
  return loaded.settings
}

describe('examples/compose.yaml', () => {
  const settings = settingsOfGateway()

  it('has settings that the gateway accepts, all of them strings, as Compose requires', () => {
    expect(Object.values(gateway.environment).filter((value) => typeof value !== 'string')).toEqual(
      [],
    )
    expect(settings.publicUrl.href).toBe('https://desk.example.com/')
    expect(settings.session.store).toMatch(/^sqlite:/)
  })

  it('points to its desktop, with the right name, port, scheme, user and password', () => {
    const { url, credentials, tls } = settings.desktop
    // kasmweb: https with a certificate of its own on 6901, user kasm_user, password VNC_PW.
    expect(url.href).toBe('https://desktop:6901/')
    expect(Object.keys(compose.services)).toContain(url.hostname)
    expect(gateway.networks).toEqual(expect.arrayContaining([...desktop.networks]))
    expect(tls.insecure).toBe(true)
    expect(credentials.control).toEqual({
      username: 'kasm_user',
      password: desktop.environment['VNC_PW'],
    })
    expect(desktop.image).toMatch(/^kasmweb\/[\w-]+:\d+\.\d+\.\d+$/)
  })

  it('lets only the gateway reach the desktop', () => {
    expect(desktop.ports).toBeUndefined()
    expect(desktop.networks).toEqual(['desktop'])
    expect(Object.keys(compose.services)).toEqual(['gateway', 'desktop'])
  })

  it('publishes the gateway’s public port, but not its admin port', () => {
    const [published = ''] = gateway.ports ?? []
    expect(gateway.ports).toHaveLength(1)
    expect(published.split(':').at(-1)).toBe(String(settings.listen.port))
    expect(settings.adminListen).toMatchObject({ host: '127.0.0.1', port: 9090 })
    expect(gateway.healthcheck?.test.join(' ')).toContain('http://127.0.0.1:9090/readyz')
  })

  it('runs the gateway without privileges, and gives it time to drain', () => {
    expect(gateway).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    })
    const { delay, timeout } = settings.drain
    const graceMs = Number(gateway.stop_grace_period?.replace('s', '')) * 1_000
    expect(graceMs).toBeGreaterThan(delay + timeout)
  })

  it('declares the networks and volumes that it uses', () => {
    const services = Object.values(compose.services)
    expect(Object.keys(compose.networks).toSorted()).toEqual(
      [...new Set(services.flatMap(({ networks }) => networks))].toSorted(),
    )
    const named = services.flatMap(({ volumes }) =>
      volumes.map((volume) => volume.split(':')[0] ?? ''),
    )
    expect(named.filter((name) => !name.startsWith('./'))).toEqual(Object.keys(compose.volumes))
  })

  it('stops with a message if .env lacks a required value', () => {
    const required = [...text.matchAll(/\$\{(\w+):\?/g)].map(([, name = '']) => name)
    expect([...new Set(required)].toSorted()).toEqual(Object.keys(variables).toSorted())
  })
})
