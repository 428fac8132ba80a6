// A gateway in front of a provider whose answers a test can change (scripted-op.ts), and checks for every refused sign-in.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { GatewayOptions } from '../../src/gateway.ts'
import {
  CLIENT_SECRET,
  environmentFor,
  freePort,
  startTestGateway,
  type Environment,
  type Line,
  type TestGateway,
} from './gateway.ts'
import { Person, type Answer } from './person.ts'
import {
  startScriptedOp,
  TOKEN_PREFIX,
  type Endpoint,
  type ScriptedOp,
  type ScriptedOpOptions,
} from './scripted-op.ts'

/** Nobody listens there: these tests end where the desktop begins. */
const NO_DESKTOP = 'http://127.0.0.1:9'

export interface ScriptedStack {
  readonly gateway: TestGateway
  readonly op: ScriptedOp
  readonly environment: Environment
  /** An address of the gateway. */
  readonly at: (path: string) => string
  stop(): Promise<void>
}

export interface ScriptedStackOptions {
  readonly environment?: Environment
  /** Settings that cannot be set in the environment, as in the YAML file. */
  readonly config?: object
  readonly op?: ScriptedOpOptions
  readonly gateway?: GatewayOptions
}

export async function startScriptedStack(
  options: ScriptedStackOptions = {},
): Promise<ScriptedStack> {
  const op = await startScriptedOp(options.op)
  const origin = `http://localhost:${await freePort()}`
  const folder = await mkdtemp(join(tmpdir(), 'ghostwire-'))
  const configFile = join(folder, 'gateway.yaml')
  // JSON is YAML.
  await writeFile(configFile, JSON.stringify(options.config ?? {}))
  const environment = {
    ...environmentFor(origin, op.issuer, NO_DESKTOP),
    GATEWAY_CONFIG: configFile,
    GATEWAY_LOGIN_LIMIT: 'off',
    ...options.environment,
  }
  const cleanUp = async (): Promise<void> => {
    await op.stop()
    await rm(folder, { recursive: true })
  }
  const gateway = await startTestGateway(environment, options.gateway).catch(
    async (error: unknown) => {
      await cleanUp()
      throw error
    },
  )
  await gateway.ready()
  return {
    gateway,
    op,
    environment,
    at: (path) => origin + path,
    async stop() {
      await gateway.stop()
      await cleanUp()
    },
  }
}

export async function withScriptedStack<T>(
  options: ScriptedStackOptions,
  use: (stack: ScriptedStack) => Promise<T>,
): Promise<T> {
  const stack = await startScriptedStack(options)
  try {
    return await use(stack)
  } finally {
    await stack.stop()
  }
}

/** From `path` to the provider and back: returns the answer of the callback, or the page that stopped the sign-in. */
export async function signIn(
  stack: Pick<ScriptedStack, 'at'>,
  path = '/',
  person = new Person(),
): Promise<Answer> {
  const answer = await person.reachCallback(stack.at(path))
  return answer.location === undefined ? answer : person.visit(answer.location)
}

export interface Refusal {
  readonly status: number
  /** In the audit, and as a label of `ghostwire_logins_total`. */
  readonly reason: string
  readonly outcome?: 'failed' | 'refused'
}

/**
 * Runs `attempt` and checks that the sign-in was refused: a page with a button to continue, one audit line with its request
 * ID, one count in the metrics; no session, no redirect, and nothing secret anywhere.
 */
export async function expectRefused(
  { gateway }: Pick<ScriptedStack, 'gateway'>,
  { status, reason, outcome = 'failed' }: Refusal,
  attempt: () => Promise<Answer>,
): Promise<{ readonly answer: Answer; readonly audit: Line }> {
  const labels = { outcome, reason }
  const countBefore = await metric(gateway, 'ghostwire_logins_total', labels)
  const auditBefore = gateway.audit().length
  const linesBefore = gateway.lines.length
  const answer = await attempt()

  const events = gateway.audit().slice(auditBefore)
  expect([answer.status, events.map((event) => [event['event'], event['reason']])]).toEqual([
    status,
    [['login_refused', reason]],
  ])
  const audit = events[0] as Line
  expect(await metric(gateway, 'ghostwire_logins_total', labels)).toBe(countBefore + 1)
  expect(requestIdOn(answer)).toBe(audit['request'])
  expect(answer.body).toMatch(/<a class="button" href="\/(oauth2\/start\?[^"]*)?">/)
  expect(answer.location).toBeUndefined()
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expectNoSession(answer)
  if (status === 503 || status === 429) {
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  }
  expect(answer.body).not.toMatch(/\bat .+:\d+:\d+|node_modules|Error:/)
  expectNothingSecret(answer.body)
  const written = JSON.stringify(gateway.lines.slice(linesBefore))
  expectNothingSecret(written)
  // Faults of a provider are expected, so the log must contain no stack trace.
  expect(written).not.toContain('"stack"')
  return { answer, audit }
}

export function requestIdOn({ body }: Answer): string | undefined {
  return /Request ID <code>([\w-]{8,})<\/code>/.exec(body)?.[1]
}

export function expectNoSession({ headers }: Answer): void {
  for (const cookie of headers.getSetCookie())
    expect(cookie).not.toMatch(/^[\w-]*ghostwire(-\d+)?=[^;]/)
}

export function expectNothingSecret(written: string): void {
  expect(written).not.toContain(TOKEN_PREFIX)
  expect(written).not.toContain(CLIENT_SECRET)
  // A JWT or a JWE, whole or cut.
  expect(written).not.toMatch(/eyJ[\w-]{6}/)
}

/** How often the provider was asked there while `run` ran. */
export async function countAsked(
  op: ScriptedOp,
  endpoint: Endpoint,
  run: () => Promise<unknown>,
): Promise<number> {
  const before = op.asked(endpoint).length
  await run()
  return op.asked(endpoint).length - before
}

/** The sum of the series at the admin listener that have these labels; 0 if there is none yet. */
export async function metric(
  gateway: TestGateway,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const text = await (await fetch(`${gateway.admin}/metrics`)).text()
  let sum = 0
  for (const line of text.split('\n')) {
    const [, found, written = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (found !== name) continue
    const held = Object.fromEntries(
      [...written.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, text]) => [label, text]),
    )
    if (Object.entries(labels).every(([label, wanted]) => held[label] === wanted)) {
      sum += Number(value)
    }
  }
  return sum
}
