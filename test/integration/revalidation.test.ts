// While a stream is open, the gateway asks the provider again and applies the rules again. An outage of the provider ends no
// session.

import { afterEach, describe, expect, it } from 'vitest'
import { alice } from '../../demo/people.ts'
import { freePort, startTestGateway, type TestGateway } from '../support/gateway.ts'
import { startTestProvider } from '../support/op.ts'
import { Person } from '../support/person.ts'
import { startRedis } from '../support/redis-server.ts'
import { TOKEN_PREFIX, type Bend, type Json } from '../support/scripted-op.ts'
import {
  metric,
  signIn,
  startScriptedStack,
  type ScriptedStack,
} from '../support/scripted-stack.ts'
import { startStack, type Stack, type StackOptions } from '../support/stack.ts'
import { expectEnd, isOpen, openStream } from '../support/stream.ts'

const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** People whose data can be changed while the provider runs. */
function somebody(): [Mutable<typeof alice>] {
  return [{ ...alice }]
}

async function start(options: StackOptions = {}): Promise<Stack> {
  const stack = await startStack({
    ...options,
    environment: {
      GATEWAY_SESSION_REVALIDATE_EVERY: '1s',
      GATEWAY_LOGIN_LIMIT: 'off',
      ...options.environment,
    },
  })
  endings.push(() => stack.stop())
  return stack
}

async function arrive(gateway: TestGateway): Promise<Person> {
  const person = new Person()
  await person.signIn(`${gateway.origin}/`)
  return person
}

function refreshes(gateway: TestGateway, outcome: string): Promise<number> {
  return metric(gateway, 'ghostwire_session_refreshes_total', { outcome })
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('a person who', () => {
  it('is removed from the group loses the stream, without a request of their browser', async () => {
    const people = somebody()
    const { gateway } = await start({ provider: { people } })
    const person = await arrive(gateway)
    const stream = await openStream(gateway, person)
    await expect.poll(() => refreshes(gateway, 'refreshed'), { timeout: 15_000 }).toBeGreaterThan(0)
    expect(isOpen(stream)).toBe(true)
    people[0].groups = ['somebody-else']
    await pause(1_000)
    await expectEnd(stream, 4403, 'access-withdrawn')
    const { location } = await person.visit(`${gateway.origin}/`)
    expect(location?.search).toContain('reason=access-withdrawn')
  })

  it('no longer has an account is signed out', async () => {
    const people = somebody()
    const { gateway } = await start({ provider: { people } })
    const stream = await openStream(gateway, await arrive(gateway))
    people[0].username = 'nobody'
    await pause(1_000)
    await expectEnd(stream, 4401, 'refresh-refused')
  })

  it('has no stream is revalidated at the next request', async () => {
    const people = somebody()
    const { gateway } = await start({ provider: { people } })
    const person = await arrive(gateway)
    people[0].groups = []
    await pause(1_100)
    expect((await person.visit(`${gateway.origin}/vnc.html`)).location?.search).toContain(
      'access-withdrawn',
    )
  })

  it('gets another role reconnects with it', async () => {
    const people = somebody()
    const { gateway, desktop } = await start({
      provider: { people },
      environment: {
        GATEWAY_VIEW_GROUPS: 'watchers',
        GATEWAY_DESKTOP_VIEWER_USERNAME: 'kasm_viewer',
        GATEWAY_DESKTOP_VIEWER_PASSWORD: 'kasm-password',
      },
    })
    const person = await arrive(gateway)
    const stream = await openStream(gateway, person)
    people[0].groups = ['watchers']
    await pause(1_000)
    await expectEnd(stream, 1001, 'draining')
    const again = await openStream(gateway, person)
    expect(desktop.tunnels.at(-1)?.user).toBe('kasm_viewer')
    again.socket.destroy()
  })
})

const withRefreshToken: Bend = (usual) => ({
  ...usual,
  body: { ...usual.body, refresh_token: `${TOKEN_PREFIX}r` },
})

describe('while the provider', () => {
  it('is down, people stay signed in, and it is asked again when it is back', async () => {
    const people = somebody()
    const origin = `http://localhost:${await freePort()}`
    const first = await startTestProvider(origin, { people })
    const port = Number(new URL(first.issuer).port)
    const stack = await start({
      environment: {
        GATEWAY_OIDC_ISSUER: first.issuer,
        GATEWAY_PUBLIC_URL: origin,
        GATEWAY_LISTEN: `127.0.0.1:${new URL(origin).port}`,
      },
    })
    const { gateway } = stack
    const person = await arrive(gateway)
    const stream = await openStream(gateway, person)
    await first.stop()
    await expect
      .poll(() => refreshes(gateway, 'unavailable'), { timeout: 6_000 })
      .toBeGreaterThan(0)
    expect(isOpen(stream)).toBe(true)
    expect((await person.visit(`${origin}/`)).status).toBe(200)
    expect((await fetch(`${gateway.admin}/readyz`)).status).toBe(200)
    // A new provider at the same address does not know the old tokens, and its refusal counts.
    const second = await startTestProvider(origin, { people, port })
    endings.push(() => second.stop())
    const closed = await Promise.race([stream.closed, pause(8_000)])
    expect(closed).toMatchObject({ code: 4401, reason: 'refresh-refused' })
  })

  it('is down for longer than its grace time, they are signed out', async () => {
    const stack = await start({ environment: { GATEWAY_SESSION_PROVIDER_GRACE: '0' } })
    const stream = await openStream(stack.gateway, await arrive(stack.gateway))
    await stack.provider.stop()
    const closed = await Promise.race([stream.closed, pause(6_000)])
    expect(closed).toMatchObject({ code: 4401, reason: 'provider-lost' })
    endings.length = 0
    await stack.gateway.stop()
    await stack.desktop.stop()
  })

  it.each([
    ['invalid_client', 401],
    ['temporarily_unavailable', 503],
    ['slow_down', 429],
    ['server_error', 500],
  ])('answers %s (%i), nobody is signed out', async (error, status) => {
    const stack = await startScriptedStack({
      environment: { GATEWAY_SESSION_REVALIDATE_EVERY: '1s' },
      op: { script: { token: withRefreshToken } },
    })
    endings.push(() => stack.stop())
    const person = new Person()
    await signIn(stack, '/', person)
    stack.op.script({ token: () => ({ status, body: { error } }) })
    await pause(1_100)
    expect((await person.request(stack.at('/oauth2/auth'))).status).toBe(202)
    expect(await refreshes(stack.gateway, 'unavailable')).toBe(1)
    stack.op.script({ token: () => ({ status: 400, body: { error: 'invalid_grant' } }) })
    await pause(1_100)
    expect((await person.request(stack.at('/oauth2/auth'))).status).toBe(401)
    expect(stack.gateway.audit('session_ended').at(-1)).toMatchObject({ reason: 'refresh-refused' })
  })
})

describe('a provider that issues no refresh token', () => {
  const warnings = ({ gateway }: ScriptedStack): readonly unknown[] =>
    gateway.lines
      .filter(({ msg }) => String(msg).includes('refresh token'))
      .map(({ level }) => level)

  it('is not asked again about people, and a single warning names the setting to change', async () => {
    const stack = await startScriptedStack({
      environment: { GATEWAY_SESSION_REVALIDATE_EVERY: '1s' },
    })
    endings.push(() => stack.stop())
    const person = new Person()
    await signIn(stack, '/', person)
    await signIn(stack)
    await pause(1_100)
    expect((await person.request(stack.at('/oauth2/auth'))).status).toBe(202)
    expect(stack.op.asked('token')).toHaveLength(2)
    expect(warnings(stack)).toEqual(['warn'])
    expect(JSON.stringify(stack.gateway.lines)).toContain('offline_access (oidc.scopes)')
  })

  it('causes no warning if it issues one', async () => {
    const stack = await startScriptedStack({
      op: { script: { token: withRefreshToken } },
    })
    endings.push(() => stack.stop())
    await signIn(stack)
    expect(warnings(stack)).toEqual([])
  })
})

describe('how a person signed in', () => {
  it('stays known if a refresh does not repeat it: acr, amr and auth_time are those of the sign-in', async () => {
    const stack = await startScriptedStack({
      environment: {
        GATEWAY_ALLOW_GROUPS: undefined,
        GATEWAY_SESSION_REVALIDATE_EVERY: '1s',
      },
      config: { access: [{ match: { claims: { acr: ['mfa'], amr: ['otp'] } }, role: 'control' }] },
      op: { script: { token: withRefreshToken, claims: { acr: 'mfa', amr: ['pwd', 'otp'] } } },
    })
    endings.push(() => stack.stop())
    const person = new Person()
    await signIn(stack, '/', person)
    await pause(1_100)
    expect((await person.request(stack.at('/oauth2/auth'))).status).toBe(202)
    expect(stack.op.asked('token')).toHaveLength(2)
  })
})

describe('a provider that rotates refresh tokens', () => {
  async function startRotating(): Promise<{
    readonly stack: ScriptedStack
    readonly ask: () => Promise<number>
    /** Rotates the refresh token and refuses a used one. `and` replaces fields of the answer. */
    readonly rotating: (and?: Json) => Bend
  }> {
    let count = 1
    let idToken: unknown
    const current = (): string => `${TOKEN_PREFIX}r${count}`
    const stack = await startScriptedStack({
      environment: { GATEWAY_SESSION_REVALIDATE_EVERY: '1s' },
      op: {
        script: {
          token: (usual) => {
            idToken = usual.body['id_token']
            return { ...usual, body: { ...usual.body, refresh_token: current() } }
          },
        },
      },
    })
    endings.push(() => stack.stop())
    const person = new Person()
    await signIn(stack, '/', person)
    return {
      stack,
      ask: async () => (await person.request(stack.at('/oauth2/auth'))).status,
      rotating: (and) => (usual) => {
        const used = stack.op.asked('token').at(-1)?.form.get('refresh_token')
        if (used !== current()) return { status: 400, body: { error: 'invalid_grant' } }
        count += 1
        const body = { ...usual.body, id_token: idToken, refresh_token: current(), ...and }
        return { ...usual, body }
      },
    }
  }

  it.each([
    ['that nobody signed', 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.bm9ib2R5'],
    ['that is not a JWT', 'nonsense'],
    ['that is a number', 7],
  ])(
    'and sends an ID token %s does not end the session: the new refresh token is kept',
    async (_, id_token) => {
      const { stack, ask, rotating } = await startRotating()
      stack.op.script({ token: rotating({ id_token }) })
      await pause(1_100)
      expect(await ask()).toBe(202)
      expect(stack.gateway.lines).toContainEqual(
        expect.objectContaining({ msg: 'the provider could not be asked about a session' }),
      )
      stack.op.script({ token: rotating() })
      await pause(1_100)
      expect(await ask()).toBe(202)
      expect(stack.op.asked('token')).toHaveLength(3)
      expect(stack.gateway.audit('session_ended')).toEqual([])
    },
  )

  it('while its keys cannot be fetched does not end the session: the new refresh token is kept', async () => {
    const { stack, ask, rotating } = await startRotating()
    // Signed with a new key, so the key set has to be fetched again.
    await stack.op.rotateKey()
    const idToken = await stack.op.logoutToken({ events: undefined }, { typ: undefined })
    await pause(1_100)
    stack.op.script({ token: rotating({ id_token: idToken }), jwks: () => ({ status: 503 }) })
    expect(await ask()).toBe(202)
    expect(stack.op.asked('jwks').length).toBeGreaterThan(1)
    stack.op.script({ token: rotating(), jwks: (usual) => usual })
    await pause(1_500)
    expect(await ask()).toBe(202)
    expect(stack.gateway.audit('session_ended')).toEqual([])
  })
})

describe('on two replicas', () => {
  it('only one of them asks, and a rotated refresh token is never used twice', async () => {
    const redis = await startRedis()
    endings.push(() => redis.remove())
    const stack = await start({ environment: { GATEWAY_SESSION_STORE: redis.url } })
    const there = await startTestGateway({
      ...stack.environment,
      GATEWAY_LISTEN: `127.0.0.1:${await freePort()}`,
    })
    endings.push(() => there.stop())
    await there.ready()
    const person = await arrive(stack.gateway)
    const streams = [await openStream(stack.gateway, person), await openStream(there, person)]
    const total = async (): Promise<number> =>
      (await refreshes(stack.gateway, 'refreshed')) + (await refreshes(there, 'refreshed'))
    await expect.poll(total, { timeout: 10_000 }).toBeGreaterThanOrEqual(4)
    // The provider rotates: a token used twice would have ended the session.
    expect(streams.map(isOpen)).toEqual([true, true])
    for (const gateway of [stack.gateway, there])
      expect(await refreshes(gateway, 'refused')).toBe(0)
    for (const { socket } of streams) socket.destroy()
  })
})
