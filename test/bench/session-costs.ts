// The cost of a session: the decision on a request, for each store; reading a browser's input; and the end of a session with
// open streams.

import { join } from 'node:path'
import { RfbClientReader } from '../../src/desktop/rfb.ts'
import { ClientFrames } from '../../src/proxy/client-frames.ts'
import { startRedis } from '../support/redis-server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import type { Child } from './child.ts'
import type { ClientQuestion, Took } from './client.ts'
import type { Relay, Relays } from './relays.ts'
import type { Row } from './table.ts'
import { CLIENT_HELLO, KEY, POINTER } from './traffic.ts'

const ROUNDS = 3
const REQUESTS = 3_000
const MESSAGES = 1_000_000
const TUNNELS = 2_000
const SESSIONS = 20

/** A request with only the gate's decision, and a similar HTTP request without one. */
const DECIDED = '/oauth2/auth'
const UNDECIDED = '/oauth2/nothing-here'

/** CPU of the gateway for one request, by store; `bare` is a request on which nothing is decided. */
export async function measureDecisions(relays: Relays, client: Child): Promise<Row[]> {
  const folder = makeTemporaryFolder('ghostwire-bench')
  const redis = await startRedis()
  const stores = {
    memory: 'memory',
    SQLite: `sqlite:${join(folder.path, 'sessions')}`,
    Redis: redis.url,
  }
  try {
    const rows: Row[] = []
    for (const [name, store] of Object.entries(stores)) {
      const relay = await relays.startGateway({ GATEWAY_SESSION_STORE: store })
      const measure = (path: string): Promise<number> => cpuOfRequests(client, relay, path)
      for (const path of [DECIDED, UNDECIDED]) await measure(path)
      const bare: number[] = []
      const gateway: number[] = []
      for (let round = 0; round < ROUNDS; round += 1) {
        bare.push(await measure(UNDECIDED))
        gateway.push(await measure(DECIDED))
      }
      await relay.stop()
      rows.push({
        name: `decision on a request, ${name}, CPU`,
        unit: 'µs',
        digits: 0,
        bare,
        gateway,
      })
    }
    return rows
  } finally {
    await redis.remove()
    folder.remove()
  }
}

async function cpuOfRequests(client: Child, relay: Relay, path: string): Promise<number> {
  const { door } = relay
  const before = await relay.usage()
  await client.ask<Took>({ do: 'requests', door, path, count: REQUESTS } satisfies ClientQuestion)
  const after = await relay.usage()
  return ((after.cpuSeconds - before.cpuSeconds) * 1e6) / REQUESTS
}

/** CPU time to check and read one input message, each in a frame and a chunk of its own, as they arrive. */
export function measureReading(): Row {
  const frames = new ClientFrames(65_527, new RfbClientReader('kasmvnc'))
  frames.check(Buffer.from(CLIENT_HELLO))
  const read = (): number => {
    const before = process.cpuUsage()
    for (let count = 0; count < MESSAGES; count += 2) {
      frames.check(POINTER)
      frames.check(KEY)
    }
    const { user, system } = process.cpuUsage(before)
    return (user + system) / MESSAGES
  }
  read()
  const gateway = Array.from({ length: ROUNDS }, read)
  return { name: 'reading an input message, CPU', unit: 'µs', digits: 3, bare: [], gateway }
}

/** The time, on one core, from an administrator's request until the last socket of a person is closed. */
export async function measureEnding(relays: Relays, client: Child): Promise<Row> {
  const gateway: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const relay = await relays.startGateway({}, { cores: '0' })
    const doors = [relay.door]
    while (doors.length < SESSIONS) doors.push(await relay.anotherDoor())
    for (const door of doors) {
      const tunnels = TUNNELS / SESSIONS
      await client.ask({ do: 'open', door, traffic: 'idle', tunnels } satisfies ClientQuestion)
    }
    const ended = client.ask<Took>({ do: 'see-end', door: relay.door } satisfies ClientQuestion)
    await relay.endSessions()
    const { ms } = await ended
    gateway.push(ms)
    await relay.stop()
  }
  const name = `end of ${TUNNELS} idle tunnels, ${SESSIONS} sessions`
  return { name, unit: 'ms', digits: 0, bare: [], gateway }
}
