import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Settings } from '../../../src/config/config.ts'
import { SessionMonitor, type Revalidation } from '../../../src/session/session-monitor.ts'
import { createMemoryStore } from '../../../src/session/memory-store.ts'
import { PresenceBook } from '../../../src/session/presence.ts'
import type { Session } from '../../../src/session/session.ts'
import { Sessions } from '../../../src/session/sessions.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

it('asks the provider when a session is due, though the timer that says so is early', async () => {
  let isEarly = false
  const now = (): number => Date.now() - Number(isEarly)
  const session = {
    secrets: ['a secret of at least thirty-two bytes, surely'],
    idleTimeout: 0,
    storeGrace: 600_000,
  }
  const publicUrl = new URL('https://desk.example.com')
  const settings = { current: { publicUrl, session } as unknown as Settings }
  const store = createMemoryStore(now)
  const presence = new PresenceBook(settings, store, now)
  const sessions = new Sessions(settings, store, presence, now, (session) => session)
  const held = { id: 'one', createdAt: now(), expiresAt: now() + 3_600_000 } as Session
  const due = now() + 1_000
  const asked: number[] = []
  const revalidation: Revalidation = {
    dueAt: () => (asked.length === 0 ? due : undefined),
    async revalidate() {
      if (now() >= due) asked.push(now())
      // The clock has gone on by the time of the answer.
      isEarly = false
      return { state: 'live', session: held }
    },
  }
  const listener = { onEnded: vi.fn(), onRenewed: vi.fn() }
  const sessionMonitor = new SessionMonitor(
    settings,
    sessions,
    presence,
    revalidation,
    listener,
    now,
  )
  const letGo = sessionMonitor.watch(held, 'cookie')
  isEarly = true
  await vi.advanceTimersByTimeAsync(1_010)
  expect(asked).toHaveLength(1)
  expect(asked[0]).toBeLessThan(due + 10)
  letGo()
  sessionMonitor.stop()
})
