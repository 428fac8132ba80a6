import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { environmentFor, freePort, startTestGateway, type TestGateway } from '../support/gateway.ts'
import { Person } from '../support/person.ts'
import { startScriptedOp, type Bend } from '../support/scripted-op.ts'
import { expectRefused, metric, signIn, startScriptedStack } from '../support/scripted-stack.ts'

type OnFinished = (stop: () => Promise<void>) => void

/** A gateway whose provider is expected at `port`. */
async function startGatewayFor(port: number, onFinished: OnFinished): Promise<TestGateway> {
  const origin = `http://localhost:${await freePort()}`
  const environment = environmentFor(origin, `http://127.0.0.1:${port}`, 'http://127.0.0.1:9')
  const gateway = await startTestGateway(environment)
  onFinished(() => gateway.stop())
  return gateway
}

interface Readiness {
  readonly status: number
  readonly body: unknown
}

async function readiness({ admin }: TestGateway): Promise<Readiness> {
  const response = await fetch(`${admin}/readyz`)
  return { status: response.status, body: await response.json() }
}

const isReady = (gateway: TestGateway): Promise<boolean> =>
  Promise.race([gateway.ready().then(() => true), sleep(5_000, false)])

const parts = (provider: 'up' | 'down'): object => ({ provider, store: 'up', desktop: 'down' })

describe('a provider that is down when the gateway starts', () => {
  it('does not stop the gateway from starting: it is alive, not ready, and becomes ready once the provider answers', async ({
    onTestFinished,
  }) => {
    const port = await freePort()
    const gateway = await startGatewayFor(port, onTestFinished)
    const at = (path: string): string => gateway.origin + path

    expect((await fetch(`${gateway.admin}/healthz`)).status).toBe(200)
    expect(await readiness(gateway)).toEqual({
      status: 503,
      body: { ready: false, parts: parts('down') },
    })
    expect(await metric(gateway, 'ghostwire_provider_up')).toBe(0)

    const starting = { status: 503, reason: 'provider-starting' }
    const { answer } = await expectRefused({ gateway }, starting, () =>
      new Person().visit(at('/oauth2/start?rd=/vnc.html')),
    )
    expect(answer.body).toContain('rd=%2Fvnc.html')
    expect(answer.headers.getSetCookie()).toEqual([])
    const navigation = await new Person().visit(at('/vnc.html'))
    expect([navigation.status, navigation.location]).toEqual([503, undefined])
    expect(Number(navigation.headers.get('retry-after'))).toBeGreaterThan(0)
    // Requests that need no provider work.
    expect((await new Person().visit(at('/oauth2/sign_in'))).status).toBe(200)
    expect((await new Person().request(at('/oauth2/userinfo'))).status).toBe(401)

    const op = await startScriptedOp({ port })
    onTestFinished(() => op.stop())
    expect(await isReady(gateway)).toBe(true)
    expect(await readiness(gateway)).toEqual({
      status: 200,
      body: { ready: true, parts: parts('up') },
    })
    expect(await metric(gateway, 'ghostwire_provider_up')).toBe(1)
    expect((await signIn({ at })).status).toBe(302)
    const failures = gateway.lines.filter(({ msg }) => msg === 'provider discovery failed')
    expect(failures.length).toBeGreaterThan(0)
    expect(failures[0]).toMatchObject({ level: 'warn', cause: { cause: { code: 'ECONNREFUSED' } } })
    expect(JSON.stringify(failures)).not.toContain('"stack"')
  })

  it('leads to an error page, without using the code, when a login comes back that another replica started', async ({
    onTestFinished,
  }) => {
    const gateway = await startGatewayFor(await freePort(), onTestFinished)
    const ready = await startScriptedStack({
      environment: { GATEWAY_PUBLIC_URL: gateway.origin },
    })
    onTestFinished(() => ready.stop())
    const host = { host: new URL(gateway.origin).host }
    const person = new Person()
    const begun = await person.visit(
      `http://localhost:${ready.gateway.publicPort}/oauth2/start`,
      host,
    )
    const back = ready.op.signIn(begun.location as URL)
    await expectRefused({ gateway }, { status: 503, reason: 'provider-starting' }, () =>
      person.visit(back),
    )
    expect(ready.op.asked('token')).toEqual([])
  })
})

describe('a provider that sends invalid answers when the gateway starts', () => {
  it.concurrent.for([
    ['a page', () => ({ headers: { 'content-type': 'text/html' }, body: '<h1>Hello' })],
    ['an error', () => ({ status: 500, body: {} })],
    ['not found', () => ({ status: 404, body: {} })],
    ['a redirect', () => ({ status: 302, headers: { location: 'http://127.0.0.1:9/' } })],
    ['JSON of the wrong type', () => ({ body: [] })],
    ['no issuer', ({ body }) => ({ body: { ...body, issuer: undefined } })],
    ['another issuer', ({ body }) => ({ body: { ...body, issuer: 'https://evil.example' } })],
    ['any tenant', ({ body }) => ({ body: { ...body, issuer: `${String(body['issuer'])}/{id}` } })],
    ['an answer that breaks off', () => ({ fault: 'reset-midway' })],
  ] satisfies [string, Bend][])(
    'is not accepted (%s), and is accepted once its answers are valid',
    async ([, discovery], { expect, onTestFinished }) => {
      const op = await startScriptedOp({ script: { discovery } })
      onTestFinished(() => op.stop())
      const gateway = await startGatewayFor(op.port, onTestFinished)
      await vi.waitFor(() => expect(op.asked('discovery')).not.toEqual([]))
      expect((await readiness(gateway)).status).toBe(503)
      expect((await new Person().visit(`${gateway.origin}/`)).status).toBe(503)
      op.script({ discovery: (usual) => usual })
      expect(await isReady(gateway)).toBe(true)
      expect((await new Person().visit(`${gateway.origin}/`)).status).toBe(302)
    },
  )
})

it('a wrong issuer is logged with the value that was found and the one that was expected', async ({
  onTestFinished,
}) => {
  const discovery: Bend = ({ body }) => ({ body: { ...body, issuer: 'https://evil.example' } })
  const op = await startScriptedOp({ script: { discovery } })
  onTestFinished(() => op.stop())
  const gateway = await startGatewayFor(op.port, onTestFinished)
  await vi.waitFor(() =>
    expect(gateway.lines.find(({ msg }) => msg === 'provider discovery failed')).toBeDefined(),
  )
  const line = JSON.stringify(gateway.lines.find(({ msg }) => msg === 'provider discovery failed'))
  expect(line).toContain('"found":"https://evil.example"')
  expect(line).toContain(`"expected":"${op.issuer}`)
})

describe('a provider that goes down later', () => {
  it('leaves the gateway ready and people signed in; the metric shows 0 until it is back', async ({
    onTestFinished,
  }) => {
    const stack = await startScriptedStack()
    onTestFinished(() => stack.stop())
    const { gateway, op, at } = stack
    const inside = new Person()
    await signIn(stack, '/', inside)
    const outside = new Person()
    const begun = await outside.visit(at('/oauth2/start'))
    const back = op.signIn(begun.location as URL)
    await op.stop()

    // The person was at the provider before it went down. The gateway notices only now.
    await expectRefused(stack, { status: 503, reason: 'provider-unreachable' }, () =>
      outside.visit(back),
    )
    expect(await readiness(gateway)).toEqual({
      status: 200,
      body: { ready: true, parts: parts('down') },
    })
    expect(await metric(gateway, 'ghostwire_provider_up')).toBe(0)
    expect((await inside.request(at('/oauth2/userinfo'))).status).toBe(200)
    expect((await fetch(`${gateway.admin}/healthz`)).status).toBe(200)

    const again = await startScriptedOp({ port: op.port })
    onTestFinished(() => again.stop())
    await vi.waitFor(async () => expect(await metric(gateway, 'ghostwire_provider_up')).toBe(1), {
      timeout: 5_000,
      interval: 100,
    })
    expect((await readiness(gateway)).body).toEqual({ ready: true, parts: parts('up') })
    expect((await signIn(stack)).status).toBe(302)
  })
})

it('a gateway that drains is unready at once, and still answers requests', async ({
  onTestFinished,
}) => {
  const stack = await startScriptedStack({ environment: { GATEWAY_DRAIN_DELAY: '700ms' } })
  onTestFinished(() => stack.stop())
  const stopped = stack.gateway.stop()
  expect(await readiness(stack.gateway)).toEqual({
    status: 503,
    body: { ready: false, parts: parts('up') },
  })
  expect((await fetch(`${stack.gateway.admin}/healthz`)).status).toBe(200)
  expect((await signIn(stack)).status).toBe(302)
  await stopped
})
