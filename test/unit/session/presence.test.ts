import { describe, expect, it } from 'vitest'
import type { Settings } from '../../../src/config/config.ts'
import { createMemoryStore } from '../../../src/session/memory-store.ts'
import { PresenceBook } from '../../../src/session/presence.ts'

const IDLE = 30 * 60_000

function setUp() {
  const clock = { time: Date.UTC(2026, 0, 1) }
  const now = (): number => clock.time
  const store = createMemoryStore(now)
  const settings = { current: { session: { idleTimeout: IDLE } } as unknown as Settings }
  const replica = (): PresenceBook => new PresenceBook(settings, store, now)
  return { clock, replica }
}

describe('presence', () => {
  it('adds up the tunnels of all replicas and knows the latest input of any', async () => {
    const { clock, replica } = setUp()
    const [here, there] = [replica(), replica()]
    here.tunnelOpened('s', 'control')
    there.tunnelOpened('s', 'control')
    there.tunnelOpened('s', 'view')
    there.noteInput('s')
    const typedAt = clock.time
    await there.flush()
    clock.time += 5_000
    expect(await here.read(['s', 'unknown'])).toEqual([
      { tunnels: 3, lastInput: typedAt },
      { tunnels: 0, lastInput: undefined },
    ])
    here.noteInput('s')
    expect((await here.read(['s']))[0]?.lastInput).toBe(clock.time)
  })

  it('forgets the tunnels of a replica that is gone, and remembers its input for as long as that counts', async () => {
    const { clock, replica } = setUp()
    const [here, gone] = [replica(), replica()]
    gone.tunnelOpened('s', 'control')
    gone.noteInput('s')
    const typedAt = clock.time
    await gone.flush()
    clock.time += 61_000
    expect(await here.read(['s'])).toEqual([{ tunnels: 0, lastInput: typedAt }])
    clock.time = typedAt + IDLE - 1
    expect((await here.read(['s']))[0]?.lastInput).toBe(typedAt)
  })

  it('keeps nothing of sessions that nobody has used for longer than that', async () => {
    const { clock, replica } = setUp()
    const here = replica()
    here.noteInput('s')
    clock.time += IDLE + 1
    await here.flush()
    expect(here.lastInputHere('s')).toBeUndefined()
  })

  it('says how long it is since anybody did something, or came', () => {
    const { clock, replica } = setUp()
    const here = replica()
    expect(here.leastIdle()).toBeUndefined()
    here.tunnelOpened('s', 'control')
    here.tunnelOpened('t', 'control')
    clock.time += 10_000
    expect(here.leastIdle()).toBe(10_000)
    here.noteInput('t')
    clock.time += 3_000
    expect(here.leastIdle()).toBe(3_000)
    here.tunnelClosed('t')
    expect(here.leastIdle()).toBe(13_000)
  })
})
