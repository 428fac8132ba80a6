import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Settings } from '../../../src/config/config.ts'
import type { PresenceBook } from '../../../src/session/presence.ts'
import { SessionMonitor } from '../../../src/session/session-monitor.ts'
import type { Lookup, Session } from '../../../src/session/session.ts'
import type { SessionEventEmitter } from '../../../src/session/end-broadcast.ts'
import type { Sessions } from '../../../src/session/sessions.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const START = Date.UTC(2026, 0, 1)

beforeEach(() => vi.useFakeTimers({ now: START }))
afterEach(() => vi.useRealTimers())

function held(more: Partial<Session> = {}): Session {
  return { id: 'one', createdAt: START, expiresAt: START + 12 * HOUR, ...more } as Session
}

function setUp({ idleTimeout = 0, storeGrace = 10 * MINUTE } = {}) {
  const settings = { current: { session: { idleTimeout, storeGrace } } as unknown as Settings }
  const sessions = {
    isRecovering: false,
    events: new EventEmitter() as SessionEventEmitter,
    lookUp: vi.fn<(ids: readonly string[]) => Promise<(Lookup | undefined)[]>>(async (ids) =>
      ids.map(() => undefined),
    ),
    lastInput: vi.fn<(session: Session) => Promise<number>>(async () => START),
    end: vi.fn<(id: string, reason: string) => Promise<boolean>>(async () => true),
  }
  const input = { here: undefined as number | undefined }
  const presence = { lastInputHere: () => input.here } as unknown as PresenceBook
  const revalidation = {
    dueAt: vi.fn<(session: Session) => number | undefined>(() => undefined),
    revalidate: vi.fn<(cookie: string, session: Session) => Promise<Lookup>>(),
  }
  const ended: string[] = []
  const renewed: Session[] = []
  const monitor = new SessionMonitor(
    settings,
    sessions as unknown as Sessions,
    presence,
    revalidation,
    {
      onEnded: (id, reason) => ended.push(`${id} ${reason}`),
      onRenewed: (session) => renewed.push(session),
    },
    Date.now,
  )
  return { monitor, sessions, input, revalidation, ended, renewed }
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)

describe('a session with a tunnel', () => {
  it('ends when its lifetime is over, here and in the store', async () => {
    const { monitor, sessions, ended } = setUp()
    monitor.watch(held({ expiresAt: START + HOUR }), 'cookie')
    await pass(HOUR - 1)
    expect(ended).toEqual([])
    await pass(1)
    expect(ended).toEqual(['one expired'])
    expect(sessions.end).toHaveBeenCalledExactlyOnceWith('one', 'expired')
  })

  it('ends at once where its lifetime is over already, and though the store is away', async () => {
    const { monitor, sessions, ended } = setUp()
    sessions.end.mockRejectedValueOnce(new Error('the store is away'))
    monitor.watch(held({ expiresAt: START }), 'cookie')
    await pass(0)
    expect(ended).toEqual(['one expired'])
  })

  it('may live longer than a timer can count', async () => {
    const { monitor, ended } = setUp()
    const days = 24 * HOUR
    monitor.watch(held({ expiresAt: START + 30 * days }), 'cookie')
    await pass(30 * days - 1)
    expect(ended).toEqual([])
    await pass(1)
    expect(ended).toEqual(['one expired'])
  })

  it('is let go of with its last tunnel, timers and all', async () => {
    const { monitor, revalidation } = setUp({ idleTimeout: HOUR })
    revalidation.dueAt.mockReturnValue(START + HOUR)
    const before = vi.getTimerCount()
    const first = monitor.watch(held(), 'cookie')
    const second = monitor.watch(held(), 'cookie')
    expect(vi.getTimerCount()).toBe(before + 3)
    first()
    expect(monitor.sessions).toEqual([held()])
    second()
    expect(monitor.sessions).toEqual([])
    expect(vi.getTimerCount()).toBe(before)
  })

  it('leaves no timer behind when the monitor is stopped', () => {
    const { monitor, revalidation } = setUp({ idleTimeout: HOUR })
    revalidation.dueAt.mockReturnValue(START + HOUR)
    monitor.watch(held(), 'cookie')
    monitor.stop()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('nobody at the desktop', () => {
  const idle = { idleTimeout: 30 * MINUTE }

  it('ends the session after session.idleTimeout, counted from the sign-in', async () => {
    const { monitor, sessions, ended } = setUp(idle)
    monitor.watch(held(), 'cookie')
    await pass(30 * MINUTE - 1)
    expect([ended, sessions.lastInput.mock.calls.length]).toEqual([[], 0])
    await pass(1)
    expect(ended).toEqual(['one idle'])
    expect(sessions.end).toHaveBeenCalledExactlyOnceWith('one', 'idle')
  })

  it('is nobody at all where that is off', async () => {
    const { monitor, sessions, ended } = setUp({ idleTimeout: 0 })
    monitor.watch(held(), 'cookie')
    await pass(11 * HOUR)
    expect([ended, sessions.lastInput.mock.calls.length]).toEqual([[], 0])
  })

  it('counts from the last input here', async () => {
    const { monitor, sessions, input, ended } = setUp(idle)
    monitor.watch(held(), 'cookie')
    input.here = START + 20 * MINUTE
    sessions.lastInput.mockImplementation(async () => input.here ?? 0)
    await pass(50 * MINUTE - 1)
    expect([ended, sessions.lastInput.mock.calls.length]).toEqual([[], 0])
    await pass(1)
    expect(ended).toEqual(['one idle'])
  })

  it('counts from the last input on another replica', async () => {
    const { monitor, sessions, ended } = setUp(idle)
    monitor.watch(held(), 'cookie')
    sessions.lastInput.mockResolvedValue(START + 25 * MINUTE)
    await pass(55 * MINUTE - 1)
    expect(ended).toEqual([])
    await pass(1)
    expect(ended).toEqual(['one idle'])
  })

  it.each(['is away', 'does not know everything yet'])(
    'ends nobody while the store %s',
    async (how) => {
      const { monitor, sessions, ended } = setUp(idle)
      monitor.watch(held(), 'cookie')
      if (how === 'is away') sessions.lastInput.mockRejectedValueOnce(new Error('away'))
      else sessions.isRecovering = true
      await pass(30 * MINUTE)
      expect(ended).toEqual([])
      sessions.isRecovering = false
      await pass(4_999)
      expect(ended).toEqual([])
      await pass(1)
      expect(ended).toEqual(['one idle'])
    },
  )
})

describe('what the store says, each ten seconds,', () => {
  it('ends what has ended elsewhere, loses what is lost, and renews the rest', async () => {
    const { monitor, sessions, ended, renewed } = setUp()
    for (const id of ['one', 'two', 'three', 'four']) monitor.watch(held({ id }), 'cookie')
    const three = held({ id: 'three', role: 'view' })
    sessions.lookUp.mockResolvedValueOnce([
      { state: 'ended', reason: 'revoked', at: START },
      { state: 'none' },
      { state: 'live', session: three },
      undefined,
    ])
    await pass(9_999)
    expect(sessions.lookUp).not.toHaveBeenCalled()
    await pass(1)
    expect(sessions.lookUp).toHaveBeenCalledExactlyOnceWith(['one', 'two', 'three', 'four'])
    expect(ended).toEqual(['one revoked', 'two store-lost'])
    expect(renewed).toEqual([three])
    expect(monitor.sessions.find(({ id }) => id === 'three')).toBe(three)
  })

  it('is not asked for nobody', async () => {
    const { sessions } = setUp()
    await pass(MINUTE)
    expect(sessions.lookUp).not.toHaveBeenCalled()
  })

  it('is nothing while it is away, and the end of everybody after session.storeGrace', async () => {
    const { monitor, sessions, ended } = setUp({ storeGrace: 30_000 })
    monitor.watch(held(), 'cookie')
    sessions.lookUp.mockRejectedValue(new Error('away'))
    await pass(39_999)
    expect(ended).toEqual([])
    await pass(1)
    expect(ended).toEqual(['one store-lost'])
  })

  it('counts an outage from its beginning, not from an earlier one', async () => {
    const { monitor, sessions, ended } = setUp({ storeGrace: 30_000 })
    monitor.watch(held(), 'cookie')
    const away = new Error('away')
    sessions.lookUp.mockRejectedValueOnce(away).mockRejectedValueOnce(away)
    await pass(30_000)
    sessions.lookUp.mockRejectedValue(away)
    await pass(39_999)
    expect(ended).toEqual([])
  })

  it('forgets an outage in which nobody was there', async () => {
    const { monitor, sessions, ended } = setUp({ storeGrace: 30_000 })
    const letGo = monitor.watch(held(), 'cookie')
    sessions.lookUp.mockRejectedValue(new Error('away'))
    await pass(20_000)
    letGo()
    await pass(60_000)
    monitor.watch(held(), 'cookie')
    await pass(30_000)
    expect(ended).toEqual([])
  })

  it('is asked at once when a message was missed, and passed on as it comes', async () => {
    const { monitor, sessions, ended } = setUp()
    monitor.watch(held(), 'cookie')
    sessions.events.emit('endsMissed')
    expect(sessions.lookUp).toHaveBeenCalledTimes(1)
    sessions.events.emit('endedAnywhere', 'two', 'signed-out')
    expect(ended).toEqual(['two signed-out'])
    const inUse: Session[] = []
    sessions.events.emit('recordsLost', (more) => inUse.push(...more))
    expect(inUse).toEqual([held()])
  })
})

describe('what the provider says', () => {
  it('is asked when it is due, and what comes of it is passed on', async () => {
    const { monitor, revalidation, renewed } = setUp()
    const later = held({ validatedAt: START + MINUTE })
    revalidation.dueAt.mockImplementation((session) =>
      session === later ? START + HOUR : START + MINUTE,
    )
    revalidation.revalidate.mockResolvedValue({ state: 'live', session: later })
    monitor.watch(held(), 'cookie')
    await pass(MINUTE - 1)
    expect(revalidation.revalidate).not.toHaveBeenCalled()
    await pass(1)
    expect(revalidation.revalidate).toHaveBeenCalledExactlyOnceWith('cookie', held())
    expect(renewed).toEqual([later])
    await pass(HOUR - MINUTE - 1)
    expect(revalidation.revalidate).toHaveBeenCalledTimes(1)
    await pass(1)
    expect(revalidation.revalidate).toHaveBeenCalledTimes(2)
  })

  it('may end it, and nobody is asked again', async () => {
    const { monitor, revalidation, ended } = setUp()
    revalidation.dueAt.mockReturnValue(START)
    revalidation.revalidate.mockResolvedValue({
      state: 'ended',
      reason: 'refresh-refused',
      at: START,
    })
    monitor.watch(held(), 'cookie')
    await pass(MINUTE)
    expect(ended).toEqual(['one refresh-refused'])
    expect(revalidation.revalidate).toHaveBeenCalledTimes(1)
  })

  it.each([
    ['somebody else is asking', async () => ({ state: 'live', session: held() }) as const],
    ['the store is away', () => Promise.reject(new Error('away'))],
  ])('is asked again after five seconds where %s', async (_, answer) => {
    const { monitor, revalidation, ended } = setUp()
    revalidation.dueAt.mockReturnValue(START)
    revalidation.revalidate.mockImplementation(answer)
    monitor.watch(held(), 'cookie')
    await pass(4_999)
    expect(revalidation.revalidate).toHaveBeenCalledTimes(1)
    await pass(1)
    expect(revalidation.revalidate).toHaveBeenCalledTimes(2)
    expect(ended).toEqual([])
  })

  it('comes too late for whoever has left', async () => {
    const { monitor, revalidation, ended, renewed } = setUp()
    revalidation.dueAt.mockReturnValue(START)
    const answer = Promise.withResolvers<Lookup>()
    revalidation.revalidate.mockReturnValueOnce(answer.promise)
    const letGo = monitor.watch(held(), 'cookie')
    await pass(0)
    letGo()
    answer.resolve({ state: 'ended', reason: 'refresh-refused', at: START })
    await pass(MINUTE)
    expect([ended, renewed]).toEqual([[], []])
    expect(revalidation.revalidate).toHaveBeenCalledTimes(1)
  })
})
