// The built gateway, limited to 512 MiB, under attack by clients that are not signed in, while ten people work. Prints the
// result of each attack; exits with 1 if the gateway crashed or a signed-in person noticed anything.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, setGlobalDispatcher } from 'undici'
import { alice } from '../../demo/people.ts'
import { createCertificate } from '../support/certificate.ts'
import { environmentFor, freePort, type Environment } from '../support/gateway.ts'
import { startKasmVncStandIn } from '../support/kasmvnc-stand-in.ts'
import { startTestProvider } from '../support/op.ts'
import { startAttack, type Attack } from './attack.ts'
import type { Kind } from './attacker.ts'
import { limitMemory, type MemoryLimit } from './memory-limit.ts'
import { startPeople } from './people.ts'

const MEMORY = 512 * 1_024 * 1_024
const PEOPLE = 10
const QUIET_MS = 3_000
const ATTACK_MS = 10_000
/** For several attacks together. */
const LONG_ATTACK_MS = 30_000
/** Rarely, because the process's metrics cost time for each open connection. */
const FIGURES_EVERY_MS = 1_000
const HOST = '127.0.0.1'

interface Trial {
  readonly name: string
  readonly attacks: readonly (readonly [Kind, number])[]
}

const PLAIN: readonly Trial[] = [
  { name: 'nobody', attacks: [] },
  { name: '20,000 silent connections', attacks: [['silent', 20_000]] },
  { name: '8,250 headers, 15 kB each, drip by drip', attacks: [['header-drip', 8_250]] },
  { name: '3,000 headers of 1 MB', attacks: [['giant-header', 3_000]] },
  { name: '6,000 standing readers', attacks: [['standing-reader', 6_000]] },
  {
    name: 'all of these at once',
    attacks: [
      ['silent', 20_000],
      ['header-drip', 8_250],
      ['giant-header', 3_000],
      ['standing-reader', 6_000],
    ],
  },
]
const TLS: readonly Trial[] = [
  { name: 'TLS: nobody', attacks: [] },
  { name: 'TLS: 6,000 half handshakes', attacks: [['tls-hello', 6_000]] },
]

interface Gateway {
  readonly process: ChildProcess
  readonly publicPort: number
  readonly admin: string
  readonly maxConnections: number
}

const HEADINGS = [
  'attack',
  'attempted',
  'by TCP',
  'refused',
  'open at most',
  'peak MiB',
  'people asked',
  'failed',
  'slowest ms',
]

async function main(): Promise<void> {
  setGlobalDispatcher(new Agent({ connect: { rejectUnauthorized: false } }))
  const folder = await mkdtemp(join(tmpdir(), 'ghostwire-hostile-'))
  const rows: string[][] = [HEADINGS]
  const problems: string[] = []
  try {
    await run('http', PLAIN, {}, rows, problems)
    const { cert, key } = createCertificate()
    const files = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') }
    await writeFile(files.cert, cert)
    await writeFile(files.key, key)
    const tls = { GATEWAY_TLS_CERT_FILE: files.cert, GATEWAY_TLS_KEY_FILE: files.key }
    await run('https', TLS, tls, rows, problems)
  } catch (error) {
    problems.push(String(error))
  } finally {
    await rm(folder, { recursive: true })
  }
  print(`\n${tableOf(rows)}\n`)
  print(
    problems.length === 0
      ? 'The gateway lived, and nobody who is signed in noticed anything.'
      : `FAILED:\n${problems.slice(0, 20).join('\n')}`,
  )
  process.exit(problems.length === 0 ? 0 : 1)
}

async function run(
  scheme: string,
  trials: readonly Trial[],
  environment: Environment,
  rows: string[][],
  problems: string[],
): Promise<void> {
  const port = await freePort()
  const origin = `${scheme}://localhost:${port}`
  const names = Array.from({ length: PEOPLE }, (_, index) => `person${index + 1}`)
  const people = names.map((name) => ({ ...alice, username: name, password: name }))
  const provider = await startTestProvider(origin, { people })
  const desktop = await startKasmVncStandIn()
  const limit = limitMemory(MEMORY, `ghostwire-hostile-${process.pid}-${scheme}`)
  const gateway = await startGateway(limit, {
    ...environmentFor(origin, provider.issuer, desktop.url.origin),
    GATEWAY_LOGIN_LIMIT: 'off',
    GATEWAY_LOG_LEVEL: 'warn',
    ...environment,
  })
  print(`${scheme}: ${limit.description}; at most ${gateway.maxConnections} connections`)
  try {
    const atWork = await startPeople(origin, gateway.publicPort, names)
    for (const trial of trials) {
      atWork.takeNotes()
      const { cells, died } = await tryOne(trial, gateway, limit)
      const { asked, failures, slowestMs } = atWork.takeNotes()
      rows.push([...cells, String(asked), String(failures.length), slowestMs.toFixed(0)])
      print(rows.at(-1)?.join(' | ') ?? '')
      problems.push(...failures.map((failure) => `${trial.name}: ${failure}`))
      if (died !== undefined) throw new Error(`${trial.name}: the gateway died (${died})`)
    }
    await atWork.stop()
  } finally {
    await stop(gateway.process)
    limit.remove()
    await Promise.all([provider.stop(), desktop.stop()])
  }
}

async function tryOne(
  { name, attacks }: Trial,
  gateway: Gateway,
  limit: MemoryLimit,
): Promise<{ cells: string[]; died: string | undefined }> {
  const before = await figures(gateway)
  const target = { host: HOST, port: gateway.publicPort }
  const under: Attack[] = attacks.map(([kind, count]) => startAttack(kind, count, target))
  let [peak, openAtMost] = [0, 0]
  let after = before
  const lasts = [QUIET_MS, ATTACK_MS][attacks.length] ?? LONG_ATTACK_MS
  const until = performance.now() + lasts
  const watching = watch()
  while (performance.now() < until && isAlive(gateway.process)) {
    peak = Math.max(peak, limit.used(gateway.process.pid ?? 0))
    await sleep(50)
  }
  await watching
  const tolls = await Promise.all(under.map((attack) => attack.toll()))
  await Promise.all(under.map((attack) => attack.stop()))
  const attempted = tolls.reduce((sum, toll) => sum + toll.attempted, 0)
  const connected = tolls.reduce((sum, toll) => sum + toll.connected, 0)
  const refused = after.refused - before.refused
  const numbers = [attempted, connected, refused, openAtMost, Math.round(peak / 1_024 / 1_024)]
  const { exitCode, signalCode } = gateway.process

  async function watch(): Promise<void> {
    while (performance.now() < until && isAlive(gateway.process)) {
      await sleep(FIGURES_EVERY_MS)
      after = await figures(gateway).catch(() => after)
      openAtMost = Math.max(openAtMost, after.open)
    }
  }

  return {
    cells: [name, ...numbers.map((number) => number.toLocaleString('en'))],
    died: isAlive(gateway.process) ? undefined : String(signalCode ?? exitCode),
  }
}

async function figures({ admin }: Gateway): Promise<{ open: number; refused: number }> {
  const answer = await fetch(`${admin}/metrics`, { signal: AbortSignal.timeout(5_000) })
  const lines = (await answer.text()).split('\n')
  const sum = (name: string): number =>
    lines
      .filter((line) => line.startsWith(`ghostwire_connections_${name}`))
      .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0)
  return { open: sum('open'), refused: sum('refused_total') }
}

async function startGateway(limit: MemoryLimit, environment: Environment): Promise<Gateway> {
  const node = [process.execPath, ...limit.nodeOptions, 'dist/main.js']
  const [command = '', ...words] = [...limit.launcher, ...node]
  const child = spawn(command, words, {
    env: { PATH: process.env['PATH'], ...environment, GATEWAY_LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  process.once('exit', () => child.kill('SIGKILL'))
  for await (const line of createInterface(child.stdout)) {
    const { msg, port, adminPort, maxConnections } = JSON.parse(line) as Record<string, unknown>
    if (msg !== 'listening') continue
    // Otherwise its pipe would fill up and block the log.
    child.stdout.resume()
    const admin = `http://127.0.0.1:${String(adminPort)}`
    while (!(await fetch(`${admin}/readyz`)).ok) await sleep(50)
    return {
      process: child,
      publicPort: Number(port),
      admin,
      maxConnections: Number(maxConnections),
    }
  }
  throw new Error('the gateway did not start')
}

async function stop(child: ChildProcess): Promise<void> {
  if (!isAlive(child)) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

function isAlive({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null
}

function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = HEADINGS.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
  return rows.map((row) => row.map(pad).join('  ')).join('\n')
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

await main()
