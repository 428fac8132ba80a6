import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { alice as demoAlice } from '../../demo/people.ts'
import {
  freePort,
  startTestGateway,
  type Environment,
  type TestGateway,
} from '../support/gateway.ts'
import type { TestProviderOptions } from '../support/op.ts'
import { Person, type Answer } from '../support/person.ts'
import { openWebSocket } from '../support/raw-client.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'
import { metric } from '../support/scripted-stack.ts'
import { signIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'
import { until } from '../support/until.ts'

const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

const PASSWORD = 'hunter2-of-redis'

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'ghostwire-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', folder], { stdio: 'ignore' })
    execFileSync('umount', [folder])
    return true
  } catch {
    return false
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function startGuardedRedis(): Promise<{ redis: RedisServer; store: string }> {
  const redis = await startRedis({ arguments: ['--requirepass', PASSWORD] })
  endings.push(() => redis.remove())
  return { redis, store: redis.url.replace('://', `://:${PASSWORD}@`) }
}

async function start(store: string, provider: TestProviderOptions = {}): Promise<Stack> {
  const stack = await startStack({ environment: { GATEWAY_SESSION_STORE: store }, provider })
  endings.push(() => stack.stop())
  return stack
}

/** Another replica of the stack's gateway: the same settings except `changed`, and another port behind the same public URL. */
async function startReplica(
  { environment }: Stack,
  changed: Environment = {},
): Promise<TestGateway> {
  const listen = `127.0.0.1:${await freePort()}`
  const replica = await startTestGateway({ ...environment, ...changed, GATEWAY_LISTEN: listen })
  endings.push(() => replica.stop())
  await replica.ready()
  return replica
}

function ask(gateway: TestGateway, person: Person, path: string, method = 'GET'): Promise<Answer> {
  const { host, origin } = new URL(gateway.origin)
  return person.request(`http://localhost:${gateway.publicPort}${path}`, {
    method,
    headers: { host, ...(method === 'POST' ? { origin } : {}) },
  })
}

const statusOf = async (gateway: TestGateway, person: Person): Promise<number> =>
  (await ask(gateway, person, '/oauth2/userinfo')).status

describe('replicas that share a Redis', () => {
  it('share their sessions, from sign-in to sign-out', async () => {
    const { store } = await startGuardedRedis()
    const stack = await start(store)
    const replica = await startReplica(stack)
    const [alice, other] = [new Person(), new Person()]
    await alice.signIn(`${stack.gateway.origin}/`)
    await other.signIn(`${stack.gateway.origin}/`)
    expect(await statusOf(replica, alice)).toBe(200)
    expect(JSON.parse((await ask(replica, alice, '/oauth2/userinfo')).body)).toMatchObject({
      sub: 'alice',
    })
    const stolen = alice.cookieHeader(stack.gateway.origin)
    expect((await ask(replica, alice, '/oauth2/sign_out', 'POST')).status).toBeLessThan(400)
    const replay = await fetch(`${stack.gateway.origin}/oauth2/userinfo`, {
      headers: { cookie: stolen },
    })
    expect(replay.status).toBe(401)
    expect(await statusOf(stack.gateway, other)).toBe(200)
  })

  it('apply their own rules, and say so if only the e-mail address is unverified', async () => {
    const { store } = await startGuardedRedis()
    const stack = await start(store, { people: [{ ...demoAlice, emailVerified: false }] })
    const replica = await startReplica(stack, {
      GATEWAY_ALLOW_GROUPS: undefined,
      GATEWAY_ALLOW_EMAILS: 'alice@example.com',
    })
    const person = new Person()
    await person.signIn(`${stack.gateway.origin}/`)
    const { host } = new URL(replica.origin)
    const page = await person.visit(`http://localhost:${replica.publicPort}/`, { host })
    expect(page.status).toBe(403)
    expect(page.body).toContain('Verify your e-mail address')
    expect(page.body).toContain('href="/oauth2/sign_out"')
  })

  it('answer 503 while it is away, sign nobody out, and log it without its password', async () => {
    const { redis, store } = await startGuardedRedis()
    const stack = await start(store)
    const { gateway } = stack
    const person = new Person()
    await person.signIn(`${gateway.origin}/`)
    const cookie = person.cookieHeader(gateway.origin)
    redis.freeze()
    const answer = await ask(gateway, person, '/oauth2/userinfo')
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/)
    const page = await person.visit(`${gateway.origin}/`)
    expect([page.status, page.location]).toEqual([503, undefined])
    expect((await fetch(`${gateway.admin}/readyz`)).status).toBe(200)
    redis.thaw()
    await until(async () => (await statusOf(gateway, person)) === 200)
    expect(person.cookieHeader(gateway.origin)).toBe(cookie)
    const log = JSON.stringify(gateway.lines)
    expect(log).toContain('trouble with the session store')
    expect(log).toContain('the session store answers again')
    expect(log).not.toContain(PASSWORD)
  })

  it('start without it, and sign people in once it is there', async () => {
    const { redis, store } = await startGuardedRedis()
    await redis.stop()
    const { gateway } = await start(store)
    const person = new Person()
    expect((await fetch(`${gateway.admin}/readyz`)).status).toBe(200)
    await redis.start()
    await until(async () => {
      await person.signIn(`${gateway.origin}/`)
      return (await statusOf(gateway, person)) === 200
    })
  })
})

describe('two gateways with one secret and one Redis', () => {
  it('show, count and end only their own sessions', async () => {
    const { store } = await startGuardedRedis()
    const environment = {
      GATEWAY_SESSION_STORE: store,
      GATEWAY_ADMIN_TOKEN: 'a token for this test alone',
    }
    const here = await startStack({ environment })
    endings.push(() => here.stop())
    const alice = await signIn(here.gateway)
    const port = await freePort()
    const there = await startTestGateway({
      ...here.environment,
      GATEWAY_PUBLIC_URL: `http://localhost:${port}`,
      GATEWAY_LISTEN: `127.0.0.1:${port}`,
    })
    endings.push(() => there.stop())
    await there.ready()
    // The cookie's name contains the port; its value is the same.
    const cookie = `ghostwire-${port}=${alice.cookie.split('=')[1] ?? ''}`
    expect((await fetch(`${there.origin}/oauth2/userinfo`, { headers: { cookie } })).status).toBe(
      401,
    )
    const headers = { authorization: `Bearer ${environment.GATEWAY_ADMIN_TOKEN}` }
    const listed = async ({ admin }: TestGateway): Promise<{ sessions: { id: string }[] }> =>
      (await (await fetch(`${admin}/admin/sessions`, { headers })).json()) as never
    const [session] = (await listed(here.gateway)).sessions
    expect(await listed(there)).toEqual({ sessions: [] })
    for (const path of [`sessions/${session?.id}`, 'users/alice/sessions']) {
      const ended = await fetch(`${there.admin}/admin/${path}`, { method: 'DELETE', headers })
      expect(await ended.json()).toEqual({ ended: 0 })
    }
    expect((await listed(here.gateway)).sessions).toHaveLength(1)
    const about = await fetch(`${here.gateway.origin}/oauth2/userinfo`, {
      headers: { cookie: alice.cookie },
    })
    expect(about.status).toBe(200)
  })
})

describe('a gateway with an SQLite file', () => {
  // The test fills a file system of its own, which needs root.
  it.runIf(canMount())(
    'on a full disk logs it, keeps people signed in, and continues when there is space',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'ghostwire-full-'))
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', folder])
      endings.push(async () => {
        execFileSync('umount', [folder])
        rmSync(folder, { recursive: true })
      })
      const { gateway } = await start(`sqlite:${join(folder, 'sessions.db')}`)
      const alice = await signIn(gateway)
      const filler = join(folder, 'filler')
      try {
        for (;;) appendFileSync(filler, Buffer.alloc(4_096))
      } catch {
        // The file system is full now.
      }
      let refused = false
      for (let count = 0; count < 15 && !refused; count += 1)
        refused = await signIn(gateway).then(
          () => false,
          () => true,
        )
      expect(refused).toBe(true)
      await expect.poll(() => metric(gateway, 'ghostwire_store_up'), { timeout: 5_000 }).toBe(0)
      expect(JSON.stringify(gateway.lines)).toContain('database or disk is full')
      const status = async (cookie: string): Promise<number> =>
        (await fetch(`${gateway.origin}/oauth2/userinfo`, { headers: { cookie } })).status
      expect(await status(alice.cookie)).toBe(200)
      rmSync(filler)
      expect(await status((await signIn(gateway)).cookie)).toBe(200)
      expect(await status(alice.cookie)).toBe(200)
    },
  )

  it('keeps sessions over a restart, and has exclusive use of the file until then', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ghostwire-gateway-'))
    endings.push(async () => rmSync(folder, { recursive: true }))
    const file = join(folder, 'sessions.db')
    const stack = await start(`sqlite:${file}`)
    const person = new Person()
    await person.signIn(`${stack.gateway.origin}/`)
    expect(await statusOf(stack.gateway, person)).toBe(200)
    await expect(startReplica(stack)).rejects.toThrow(`${file} is in use by another process`)
    await stack.gateway.stop()
    const again = await startReplica(stack)
    expect(await statusOf(again, person)).toBe(200)
  })

  it('gives people the rights of changed rules after a restart, and their streams stay open', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ghostwire-gateway-'))
    endings.push(async () => rmSync(folder, { recursive: true }))
    const stack = await start(`sqlite:${join(folder, 'sessions.db')}`)
    const { cookie } = await signIn(stack.gateway)
    await stack.gateway.stop()
    const gateway = await startReplica({
      ...stack,
      environment: {
        ...stack.environment,
        GATEWAY_ALLOW_GROUPS: 'somebody-else',
        GATEWAY_VIEW_GROUPS: stack.environment['GATEWAY_ALLOW_GROUPS'],
        GATEWAY_DESKTOP_VIEWER_USERNAME: 'kasm_viewer',
        GATEWAY_DESKTOP_VIEWER_PASSWORD: 'kasm-password',
      },
    })
    const { origin, publicPort } = gateway
    const { status, closed } = await openWebSocket(publicPort, { origin, cookie })
    expect(status).toBe(101)
    const host = new URL(origin).host
    const about = await fetch(`http://localhost:${publicPort}/oauth2/userinfo`, {
      headers: { cookie, host },
    })
    expect(await about.json()).toMatchObject({ sub: 'alice', role: 'view' })
    // Longer than the time until the sessions of open streams are read again.
    expect(await Promise.race([closed, sleep(11_000, 'open')])).toBe('open')
    expect(gateway.audit('tunnel_opened')).toMatchObject([{ role: 'view' }])
  })
})
