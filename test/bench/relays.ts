// The relays under measure: the real gateway, started from settings and entered as a person would, and a bare one.

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

export interface Relays {
  startGateway(): Promise<Relay>
  startBare(): Promise<Relay>
  /** To listening, as an operator starts it. */
  timeGatewayStart(): Promise<Start>
  timeBareStart(): Promise<Start>
  stop(): Promise<void>
}

/** As the image starts it. */
const GATEWAY = 'dist/main.js'
const BARE = 'test/bench/bare-relay.ts'
const MEASURED = ['--expose-gc', '--import', new URL('answer-usage.ts', import.meta.url).href]
const READY_WITHIN_MS = 10_000

/** One gateway at a time: its origin, and so its port, is the one the provider knows. */
export async function prepareRelays(upstreamPort: number): Promise<Relays> {
  const origin = `http://localhost:${await freePort()}`
  const provider: RunningProvider = await startTestProvider(origin)
  const gatewayEnv: Environment = {
    PATH: process.env['PATH'],
    ...environmentFor(origin, provider.issuer, `http://127.0.0.1:${upstreamPort}`),
    GATEWAY_LOG_LEVEL: 'info',
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
    async startGateway() {
      const child = await startChild(GATEWAY, { env: gatewayEnv, nodeOptions: MEASURED })
      await ready(`http://127.0.0.1:${child.listening.adminPort}/readyz`)
      const person = new Person()
      await person.signIn(`${origin}/`)
      const port = Number(new URL(origin).port)
      return relayOf(child, { port, origin, cookie: person.cookieHeader(origin) })
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
  const deadline = Date.now() + READY_WITHIN_MS
  for (;;) {
    const answer = await fetch(url)
    await answer.body?.cancel()
    if (answer.ok) return
    if (Date.now() > deadline) throw new Error('the gateway did not become ready')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
