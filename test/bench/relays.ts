// The measured relays: the real gateway, started from settings with a normal sign-in, and a bare relay.

import type { RunningProvider } from '../../demo/provider.ts'
import { environmentFor, freePort, type Environment } from '../support/gateway.ts'
import { startTestProvider } from '../support/op.ts'
import { Person } from '../support/person.ts'
import { startChild, type Child, type Start } from './child.ts'
import type { Usage, UsageQuestion } from './answer-usage.ts'
import type { Door } from './client.ts'

export interface Relay {
  readonly door: Door
  usage(question?: UsageQuestion): Promise<Usage>
  stop(): Promise<void>
}

export interface GatewayRelay extends Relay {
  /** For a session of its own. */
  anotherDoor(): Promise<Door>
  /** Ends every session there is, by the admin API. */
  endSessions(): Promise<void>
}

export interface Relays {
  startGateway(more?: Environment, options?: { readonly cores?: string }): Promise<GatewayRelay>
  startBare(): Promise<Relay>
  /** The time from the start, as an operator starts it, until it listens. */
  timeGatewayStart(): Promise<Start>
  timeBareStart(): Promise<Start>
  stop(): Promise<void>
}

/** The command with which the image starts it. */
const GATEWAY = 'dist/main.js'
const BARE = 'test/bench/bare-relay.ts'
const MEASURED = ['--expose-gc', '--import', new URL('answer-usage.ts', import.meta.url).href]
const ADMIN_TOKEN = 'an administrator of the bench'
const READY_TIMEOUT_MS = 10_000

/** One gateway at a time: its origin, and so its port, is the one the provider knows. */
export async function prepareRelays(upstreamPort: number): Promise<Relays> {
  const origin = `http://localhost:${await freePort()}`
  const provider: RunningProvider = await startTestProvider(origin)
  const gatewayEnv: Environment = {
    PATH: process.env['PATH'],
    ...environmentFor(origin, provider.issuer, `http://127.0.0.1:${upstreamPort}`),
    GATEWAY_LOG_LEVEL: 'info',
    GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN,
    GATEWAY_LOGIN_LIMIT: '10000/m',
  }
  const bareEnv: Environment = {
    PATH: process.env['PATH'],
    BENCH_UPSTREAM_PORT: String(upstreamPort),
  }
  const timeStart = async (script: string, env: Environment): Promise<Start> => {
    const child = await startChild(script, { env, answers: false })
    await child.stop()
    return child.start
  }

  return {
    async startGateway(more = {}, { cores } = {}) {
      const env = { ...gatewayEnv, ...more }
      const bound = cores === undefined ? {} : { cores }
      const child = await startChild(GATEWAY, { env, nodeOptions: MEASURED, ...bound })
      const admin = `http://127.0.0.1:${child.listening.adminPort}`
      await ready(`${admin}/readyz`)
      const anotherDoor = async (): Promise<Door> => {
        const person = new Person()
        await person.signIn(`${origin}/`)
        const { body } = await person.request(`${origin}/oauth2/userinfo`)
        subject = (JSON.parse(body) as { sub: string }).sub
        return { port: Number(new URL(origin).port), origin, cookie: person.cookieHeader(origin) }
      }
      let subject = ''
      return {
        ...relayOf(child, await anotherDoor()),
        anotherDoor,
        async endSessions() {
          const answer = await fetch(`${admin}/admin/users/${subject}/sessions`, {
            method: 'DELETE',
            headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
          })
          if (!answer.ok) throw new Error(`the admin API answered ${answer.status}`)
        },
      }
    },
    async startBare() {
      const child = await startChild(BARE, { env: bareEnv, nodeOptions: MEASURED })
      const { port } = child.listening
      return relayOf(child, { port, origin: `http://localhost:${port}`, cookie: 'session=none' })
    },
    timeGatewayStart: () => timeStart(GATEWAY, gatewayEnv),
    timeBareStart: () => timeStart(BARE, bareEnv),
    stop: () => provider.stop(),
  }
}

function relayOf(child: Child, door: Door): Relay {
  return {
    door,
    usage: (question = { collect: false }) => child.ask<Usage>(question),
    stop: () => child.stop(),
  }
}

async function ready(url: string): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS
  for (;;) {
    const answer = await fetch(url)
    await answer.body?.cancel()
    if (answer.ok) return
    if (Date.now() > deadline) throw new Error('the gateway did not become ready')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
