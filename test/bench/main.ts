// `npm run bench`: the cost of a tunnel through the gateway, compared with a bare relay on the same machine at the same
// time. Prints one table without a verdict.

import { availableParallelism, loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { startChild, type Child } from './child.ts'
import type { ClientQuestion, Passed, RoundTrips } from './client.ts'
import { prepareRelays, type Relay, type Relays } from './relays.ts'
import { measureDecisions, measureEnding, measureReading } from './session-costs.ts'
import { formatTable, type Row } from './table.ts'
import { RECORDED_TUNNELS } from './recording.ts'
import { DESKTOP, FRAMES, type RecordingName, type Traffic } from './traffic.ts'

const ROUNDS = 5
/** If a machine is too busy for all rounds in this time, relays are measured in fewer rounds. */
const TURNS_MS = 26_000
const MIN_ROUNDS = 3
const RUN_MS = 1_000
const WARM_UP_MS = 1_000
/** A desktop sends so little that V8 needs seconds to find out what to compile. */
const SETTLE_MS = 10_000
const TOGETHER_MS = 3_000
const ROUND_TRIPS = 2_000
const IDLE_TUNNELS = 1_000
/** The time after which all work caused by opening or closing tunnels is done. */
const LINGER_MS = 1_000
const MEMORY_ROUNDS = 3
const STARTS = 5
const BYTES_PER_GB = 1e9
const BYTES_PER_KB = 1e3

interface Bench {
  readonly relays: Relays
  readonly client: Child
}

async function main(): Promise<void> {
  const startedAt = performance.now()
  const upstream = await startChild('test/bench/upstream.ts')
  const client = await startChild('test/bench/client.ts')
  const relays = await prepareRelays(upstream.listening.port)
  const bench: Bench = { relays, client }

  say(`Node ${process.version}, ${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)}`)
  const rows = [
    ...(await measureTraffic(bench)),
    ...(await measureMemory(bench)),
    ...(await measureStart(bench)),
    ...(await measureSessions(bench)),
  ]
  say(`\n${formatTable(rows)}\n`)
  say(NOTE)
  say(`${((performance.now() - startedAt) / 1_000).toFixed(0)} s`)
  await Promise.all([upstream.stop(), client.stop(), relays.stop()])
}

const NOTE = `Median (least-most) of the rounds; a ratio is taken within its round, in which the relays take turns, or run side by
side where desktops are played. All processes share the cores with whatever else runs: a figure alone says little, and a
gateway/bare ratio only what lies outside of bare/bare, which is a second bare relay measured the same way. CPU is the
relay's own, user and kernel, per GB on the wire both ways, where a ratio per message is the same; kB and GB are decimal.
Memory is that of tunnels opened beside as many others, after a collection that gives empty pages back. For a decision, bare
is as much HTTP on which nothing is decided.`

async function measureTraffic(bench: Bench): Promise<Row[]> {
  const gateway = await bench.relays.startGateway()
  const bare = await bench.relays.startBare()
  const bareAgain = await bench.relays.startBare()
  const running: Running = { bare, gateway, bareAgain }
  try {
    const { client } = bench
    const cpu = (relay: Relay, ms: number): Promise<number> => measureCpu(client, relay, ms)
    const cpuOfFrames = await takeTurns(client, running, 'frames', FRAMES.tunnels, cpu)
    const cpuOfDesktops = await playTogether(client, running, 'desktop', DESKTOP.tunnels)
    const recorded: Row[] = []
    for (const [name, tunnels] of Object.entries(RECORDED_TUNNELS)) {
      const costs = await playTogether(client, running, name as RecordingName, tunnels)
      recorded.push({ name: `CPU, recorded ${name}`, unit: 's/GB', digits: 2, ...costs })
    }
    const roundTrips = await takeTurns(client, running, 'echo', 1, ({ door }) =>
      tell<RoundTrips>(client, { do: 'round-trips', door, count: ROUND_TRIPS }),
    )
    return [
      { name: 'CPU, 64 KiB frames', unit: 's/GB', digits: 2, ...cpuOfFrames },
      { name: 'CPU, desktop mix', unit: 's/GB', digits: 2, ...cpuOfDesktops },
      ...recorded,
      { name: 'round trip p50', unit: 'µs', digits: 0, ...pick(roundTrips, ({ p50Us }) => p50Us) },
      { name: 'round trip p99', unit: 'µs', digits: 0, ...pick(roundTrips, ({ p99Us }) => p99Us) },
    ]
  } finally {
    await Promise.all([gateway.stop(), bare.stop(), bareAgain.stop()])
  }
}

/** One figure a round, by relay. */
interface FairQueue<Figure> {
  readonly bare: Figure[]
  readonly gateway: Figure[]
  readonly bareAgain: Figure[]
}

type Running = Readonly<Record<keyof FairQueue<unknown>, Relay>>

/**
 * Opens the tunnels of each relay, runs each relay once to warm up, and then runs the rounds. Each round starts with the
 * next relay. While one relay is measured, the tunnels of the others are idle.
 */
async function takeTurns<Figure>(
  client: Child,
  running: Running,
  traffic: Traffic,
  tunnels: number,
  measure: (relay: Relay, ms: number) => Promise<Figure>,
): Promise<FairQueue<Figure>> {
  say(`${traffic} …`)
  const until = performance.now() + TURNS_MS
  const turns: FairQueue<Figure> = { bare: [], gateway: [], bareAgain: [] }
  const names: (keyof Running)[] = ['bare', 'gateway', 'bareAgain']
  for (const name of names) {
    await tell(client, { do: 'open', door: running[name].door, traffic, tunnels })
    await measure(running[name], WARM_UP_MS)
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    if (round >= MIN_ROUNDS && performance.now() > until) break
    for (const name of names) turns[name].push(await measure(running[name], RUN_MS))
    names.push(...names.splice(0, 1))
  }
  for (const name of names) await tell(client, { do: 'close', door: running[name].door })
  return turns
}

/**
 * CPU seconds per GB of all relays, measured at the same time. They transfer so little that they do not disturb each other,
 * and other load on the machine affects all of them.
 */
async function playTogether(
  client: Child,
  running: Running,
  traffic: 'desktop' | RecordingName,
  tunnels: number,
): Promise<FairQueue<number>> {
  say(`${traffic} …`)
  const costs: FairQueue<number> = { bare: [], gateway: [], bareAgain: [] }
  const relays = Object.entries(running) as [keyof Running, Relay][]
  for (const [, { door }] of relays) await tell(client, { do: 'open', door, traffic, tunnels })
  for (const [, { door }] of relays) await tell(client, { do: 'move', door })
  await sleep(SETTLE_MS)
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = new Map<Relay, Reading>()
    for (const [, relay] of relays) before.set(relay, await read(client, relay))
    await sleep(TOGETHER_MS)
    for (const [name, relay] of relays) {
      costs[name].push(costOf(before.get(relay) as Reading, await read(client, relay)))
    }
  }
  for (const [, { door }] of relays) await tell(client, { do: 'rest', door })
  for (const [, { door }] of relays) await tell(client, { do: 'close', door })
  return costs
}

/** CPU seconds of the relay per GB. */
async function measureCpu(client: Child, relay: Relay, ms: number): Promise<number> {
  const { door } = relay
  await tell(client, { do: 'move', door })
  const before = await read(client, relay)
  await sleep(ms)
  const after = await read(client, relay)
  await tell(client, { do: 'rest', door })
  return costOf(before, after)
}

/** The CPU time and memory that a relay has used so far, and the bytes it transferred. */
interface Reading {
  readonly cpuSeconds: number
  readonly bytes: number
}

async function read(client: Child, relay: Relay): Promise<Reading> {
  const { cpuSeconds } = await relay.usage()
  const { bytes } = await tell<Passed>(client, { do: 'count', door: relay.door })
  return { cpuSeconds, bytes }
}

function costOf(before: Reading, after: Reading): number {
  return (after.cpuSeconds - before.cpuSeconds) / ((after.bytes - before.bytes) / BYTES_PER_GB)
}

/** Each figure comes from a new process that has done nothing else. */
async function measureMemory({ relays, client }: Bench): Promise<Row[]> {
  say('memory …')
  const resident = { bare: [] as number[], gateway: [] as number[] }
  const heap = { bare: [] as number[], gateway: [] as number[] }
  for (let round = 0; round < MEMORY_ROUNDS; round += 1) {
    for (const name of ['bare', 'gateway'] as const) {
      const relay = await (name === 'bare' ? relays.startBare() : relays.startGateway())
      const { door } = relay
      // Memory that grows only once has grown by now, and is not attributed to tunnels.
      await tell(client, { do: 'open', door, traffic: 'idle', tunnels: IDLE_TUNNELS })
      await sleep(LINGER_MS)
      const before = await relay.usage({ collect: true })
      await tell(client, { do: 'open', door, traffic: 'idle', tunnels: IDLE_TUNNELS })
      await sleep(LINGER_MS)
      const after = await relay.usage({ collect: true })
      await tell(client, { do: 'close', door })
      await relay.stop()
      const perTunnel = (bytes: number): number => bytes / IDLE_TUNNELS / BYTES_PER_KB
      resident[name].push(perTunnel(after.residentBytes - before.residentBytes))
      heap[name].push(perTunnel(after.heapBytes - before.heapBytes))
    }
  }
  return [
    { name: 'idle tunnel, resident memory', unit: 'kB', digits: 1, ...resident },
    { name: 'idle tunnel, JavaScript heap', unit: 'kB', digits: 1, ...heap },
  ]
}

async function measureSessions({ relays, client }: Bench): Promise<Row[]> {
  say('sessions …')
  return [
    ...(await measureDecisions(relays, client)),
    measureReading(),
    await measureEnding(relays, client),
  ]
}

async function measureStart({ relays }: Bench): Promise<Row[]> {
  say('start …')
  const wall = { bare: [] as number[], gateway: [] as number[] }
  const cpu = { bare: [] as number[], gateway: [] as number[] }
  for (let round = 0; round < STARTS; round += 1) {
    for (const name of ['bare', 'gateway'] as const) {
      const start = await (name === 'bare' ? relays.timeBareStart() : relays.timeGatewayStart())
      wall[name].push(start.wallMs)
      cpu[name].push(start.cpuMs)
    }
  }
  return [
    { name: 'start to listening', unit: 'ms', digits: 0, ...wall },
    { name: 'start, CPU of it', unit: 'ms', digits: 0, ...cpu },
  ]
}

function tell<Answer = object>(client: Child, question: ClientQuestion): Promise<Answer> {
  return client.ask<Answer>(question)
}

function pick<Figure>(turns: FairQueue<Figure>, figure: (of: Figure) => number): FairQueue<number> {
  return {
    bare: turns.bare.map(figure),
    gateway: turns.gateway.map(figure),
    bareAgain: turns.bareAgain.map(figure),
  }
}

function say(line: string): void {
  console.log(line)
}

// Ctrl-C is a normal end: the processes and files of the bench are removed.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
await main()
