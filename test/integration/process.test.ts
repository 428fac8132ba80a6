// The process as an operator sees it: what it prints, what it exits with, how it goes.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { RunningProvider } from '../../demo/provider.ts'
import { environmentFor, freePort, type Environment, type Line } from '../support/gateway.ts'
import { startKasmVncStandIn, type StandIn } from '../support/kasmvnc-stand-in.ts'
import { startTestProvider } from '../support/op.ts'
import { Person } from '../support/person.ts'
import { openWebSocket } from '../support/raw-client.ts'

interface Gateway {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  readonly lines: () => Line[]
  readonly exit: Promise<number | null>
  /** Resolves with the first line of that message. */
  readonly said: (message: string) => Promise<Line>
}

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL')
})

function run(environment: Environment, args: readonly string[] = []): Gateway {
  const child = spawn(process.execPath, ['src/main.ts', ...args], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  let [out, error] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (error += chunk.toString()))
  const lines = (): Line[] =>
    out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line)
  return {
    child,
    stdout: () => out,
    stderr: () => error,
    lines,
    exit: once(child, 'close').then(([code]) => code as number | null),
    async said(message) {
      for (;;) {
        const line = out.endsWith('\n') ? lines().find(({ msg }) => msg === message) : undefined
        if (line !== undefined) return line
        if (child.exitCode !== null) throw new Error(`it ended:\n${out}\n${error}`)
        await once(child.stdout, 'data')
      }
    },
  }
}

const COMPLETE: Environment = {
  GATEWAY_PUBLIC_URL: 'https://desk.example.com',
  GATEWAY_LISTEN: '127.0.0.1:0',
  GATEWAY_ADMIN_LISTEN: '127.0.0.1:0',
  GATEWAY_OIDC_ISSUER: 'https://login.example.com',
  GATEWAY_OIDC_CLIENT_ID: 'ghostwire',
  GATEWAY_OIDC_CLIENT_SECRET: 'not-to-be-shown-1',
  GATEWAY_SESSION_SECRET: 'not-to-be-shown-2, and long enough for it',
  GATEWAY_ALLOW_GROUPS: 'ops',
  GATEWAY_DESKTOP_URL: 'http://127.0.0.1:6901',
  GATEWAY_DESKTOP_USERNAME: 'kasm_user',
  GATEWAY_DESKTOP_PASSWORD: 'not-to-be-shown-3',
}

describe('settings', () => {
  it('that are wrong stop it, all of them in one line of the log', async () => {
    const gateway = run({
      ...COMPLETE,
      GATEWAY_PUBLIC_URL: 'http://desk.example.com',
      GATEWAY_OIDC_CLIENT_ID: undefined,
      GATEWAY_DEKSTOP_URL: 'http://x',
      GATEWAY_SESSION_SECRET: 'short',
    })
    expect(await gateway.exit).toBe(1)
    expect(gateway.lines()).toHaveLength(1)
    const [{ level, problems } = {}] = gateway.lines()
    expect(level).toBe('fatal')
    for (const name of ['PUBLIC_URL', 'OIDC_CLIENT_ID', 'DEKSTOP_URL', 'SESSION_SECRET']) {
      expect(JSON.stringify(problems)).toContain(`GATEWAY_${name}`)
    }
    expect(gateway.stdout()).not.toContain('short')
  })

  it('can be checked without a start, secrets hidden', async () => {
    const gateway = run(COMPLETE, ['--check-config'])
    expect(await gateway.exit).toBe(0)
    expect(gateway.stdout()).toContain('publicUrl: https://desk.example.com')
    expect(gateway.stdout()).toContain('(hidden)')
    expect(gateway.stdout() + gateway.stderr()).not.toContain('not-to-be-shown')
  })

  it('that are wrong are told one a line by the check', async () => {
    const gateway = run({ ...COMPLETE, GATEWAY_LISTEN: 'x', GATEWAY_ALLOW_GROUPS: undefined }, [
      '--check-config',
    ])
    expect(await gateway.exit).toBe(1)
    expect(gateway.stdout()).toBe('')
    expect(gateway.stderr().trim().split('\n')).toHaveLength(2)
  })

  it('come from a file as well', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ghostwire-process-'))
    try {
      const file = join(folder, 'gateway.yaml')
      writeFileSync(file, 'allowGroups: [from-the-file]\n')
      const gateway = run({ ...COMPLETE, GATEWAY_ALLOW_GROUPS: undefined }, [
        '--config',
        file,
        '--check-config',
      ])
      expect(await gateway.exit).toBe(0)
      expect(gateway.stdout()).toContain('from-the-file')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

it('refuses an argument it does not know, and says which it does', async () => {
  const gateway = run(COMPLETE, ['--chek-config'])
  expect(await gateway.exit).toBe(1)
  expect(gateway.stderr()).toContain('--chek-config')
  expect(gateway.stderr()).toContain('--check-config')
})

it('says in one line that its port is taken', async () => {
  const taken = createServer()
  await new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as { port: number }
  const gateway = run({ ...COMPLETE, GATEWAY_LISTEN: `127.0.0.1:${port}` })
  expect(await gateway.exit).toBe(1)
  const fatal = gateway.lines().filter(({ level }) => level === 'fatal')
  expect(fatal).toHaveLength(1)
  expect(JSON.stringify(fatal[0])).toContain('EADDRINUSE')
  taken.close()
})

describe('running', () => {
  let provider: RunningProvider
  let desktop: StandIn
  let environment: Environment
  let origin: string
  beforeAll(async () => {
    origin = `http://localhost:${await freePort()}`
    provider = await startTestProvider(origin)
    desktop = await startKasmVncStandIn()
    environment = {
      ...environmentFor(origin, provider.issuer, desktop.url.origin),
      GATEWAY_LOG_LEVEL: 'info',
    }
  })
  afterAll(() => Promise.all([provider.stop(), desktop.stop()]))

  async function arrive(gateway: Gateway): Promise<{ person: Person; port: number }> {
    const { port } = await gateway.said('listening')
    await gateway.said('provider discovered')
    const person = new Person()
    expect((await person.signIn(`${origin}/`)).status).toBe(200)
    return { person, port: port as number }
  }

  it('prints nothing but JSON lines, and at SIGTERM ends its streams with a word and itself with 0', async () => {
    const gateway = run(environment)
    const { person, port } = await arrive(gateway)
    const cookie = person.cookieHeader(origin)
    const stream = await openWebSocket(port, { path: '/websockify', origin, cookie })
    expect(stream.status).toBe(101)
    gateway.child.kill('SIGTERM')
    expect(await stream.closed).toMatchObject({ code: 1001, reason: 'draining' })
    expect(await gateway.exit).toBe(0)
    expect(gateway.stderr()).toBe('')
    expect(gateway.lines().at(-1)).toMatchObject({ msg: 'stopped' })
    expect(gateway.lines().filter(({ level }) => level === 'error' || level === 'warn')).toEqual([])
  })

  it('goes on answering while load balancers learn that it is going, unready the while', async () => {
    const gateway = run({ ...environment, GATEWAY_DRAIN_DELAY: '1s' })
    const { person } = await arrive(gateway)
    const { adminPort } = await gateway.said('listening')
    const ready = async (): Promise<number> =>
      (await fetch(`http://127.0.0.1:${String(adminPort)}/readyz`)).status
    expect(await ready()).toBe(200)
    gateway.child.kill('SIGTERM')
    await gateway.said('draining')
    expect(await ready()).toBe(503)
    expect((await person.visit(`${origin}/`)).status).toBe(200)
    expect(await gateway.exit).toBe(0)
  })

  it('goes at once when it is told a second time', async () => {
    const gateway = run({ ...environment, GATEWAY_DRAIN_DELAY: '1h' })
    await gateway.said('listening')
    gateway.child.kill('SIGTERM')
    await gateway.said('draining')
    gateway.child.kill('SIGTERM')
    expect(await gateway.exit).toBe(1)
  })
})
