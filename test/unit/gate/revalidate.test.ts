import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { AccessRule, Settings } from '../../../src/config/config.ts'
import { createRevalidation } from '../../../src/gate/revalidate.ts'
import { createLog } from '../../../src/observability/log.ts'
import { createMetrics } from '../../../src/observability/metrics.ts'
import type { Provider } from '../../../src/oidc/provider.ts'
import type { RefreshOutcome } from '../../../src/oidc/refresh.ts'
import { createMemoryStore } from '../../../src/session/memory-store.ts'
import type { Lookup, Session, Vault } from '../../../src/session/session.ts'
import type { Sessions } from '../../../src/session/sessions.ts'

// Fake timers leave this module alone.
vi.mock('node:timers/promises', () => ({
  setTimeout: (ms: number, value: unknown, { signal }: { signal: AbortSignal }) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve(value), ms)
      signal.addEventListener('abort', () => {
        clearTimeout(timer)
        reject(new Error('aborted'))
      })
    }),
}))

const MINUTE = 60_000
const EVERY = 5 * MINUTE
const GRACE = 60 * MINUTE
const START = Date.UTC(2026, 0, 1)
const COOKIE = 'a cookie'
const LEASE = 'refresh one'

const identity: Session['identity'] = {
  provider: 'oidc',
  iss: 'https://id.example.com',
  sub: 'alice',
  sid: undefined,
  email: undefined,
  emailCounts: false,
  name: undefined,
  preferredUsername: undefined,
  groups: ['ops'],
  claims: {},
}
const session: Session = {
  id: 'one',
  identity,
  role: 'control',
  clipboardIn: 'allow',
  rule: 'old rule',
  createdAt: START,
  expiresAt: START + 12 * GRACE,
  address: '192.0.2.1',
  refreshable: true,
  validatedAt: START,
  tokensExpireAt: undefined,
  ended: undefined,
}
const vault: Vault = { idToken: 'id', refreshToken: 'refresh' }
const newVault: Vault = { idToken: 'id 2', refreshToken: 'refresh 2' }
const refreshed: RefreshOutcome = {
  outcome: 'refreshed',
  vault: newVault,
  tokensExpireAt: START + 20 * MINUTE,
  identity: { ...identity, name: 'Alice' },
}
const OPS: AccessRule = {
  id: 'ops',
  match: { provider: [], groups: ['ops'], emails: [], emailDomains: [], claims: {} },
  role: 'view',
  require: undefined,
  clipboardIn: 'deny',
  downloads: 'allow',
}

beforeEach(() => vi.useFakeTimers({ now: START }))
afterEach(() => vi.useRealTimers())

function setUp(more: { access?: readonly AccessRule[] } = {}) {
  const settings = {
    current: {
      access: more.access ?? [OPS],
      session: { revalidateEvery: EVERY, providerGrace: GRACE, storeGrace: 5_000 },
    } as unknown as Settings,
  }
  const store = createMemoryStore(Date.now)
  const sessions = {
    isRecovering: false,
    find: vi.fn<(cookie: string) => Promise<Lookup>>(async () => ({ state: 'live', session })),
    openVault: vi.fn<(cookie: string) => Promise<Vault | undefined>>(async () => vault),
    end: vi.fn<Sessions['end']>(async () => true),
    renew: vi.fn<Sessions['renew']>(async () => true),
  }
  const refresh = vi.fn<(session: Session, vault: Vault) => Promise<RefreshOutcome>>(
    async () => refreshed,
  )
  const onRenewed = vi.fn<(session: Session) => void>()
  const lines: Record<string, unknown>[] = []
  const output = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>)
      done()
    },
  })
  const metrics = createMetrics('test')
  const parts = {
    settings,
    sessions: sessions as unknown as Sessions,
    store,
    providers: { of: () => ({ settings: { name: 'oidc' }, refresh }) as unknown as Provider },
    onRenewed,
    metrics,
    log: createLog('debug', output),
    now: Date.now,
  }
  const revalidation = createRevalidation(parts)
  const counted = async (outcome: string): Promise<number> => {
    const { values } = await metrics.sessionRefreshes.get()
    return values.find(({ labels }) => labels['outcome'] === outcome)?.value ?? 0
  }
  const replica = (): typeof revalidation => createRevalidation(parts)
  return { revalidation, replica, sessions, store, refresh, onRenewed, lines, counted, settings }
}

/** The session was last validated so long ago. */
const after = (ms: number): void => void vi.setSystemTime(START + ms)
const unavailable: RefreshOutcome = { outcome: 'unavailable', cause: 'down' }

describe('a session is due', () => {
  it.each<[string, Partial<Session>, number | undefined]>([
    ['never, without a refresh token', { refreshable: false }, undefined],
    ['after session.revalidateEvery', {}, START + EVERY],
    [
      'when its token expires, if that is sooner',
      { tokensExpireAt: START + MINUTE },
      START + MINUTE,
    ],
    [
      'not when its token expires, if that is later',
      { tokensExpireAt: START + GRACE },
      START + EVERY,
    ],
    ['not within 30 s, whatever its token says', { tokensExpireAt: START }, START + 30_000],
  ])('%s', (_, more, at) => {
    expect(setUp().revalidation.dueAt({ ...session, ...more })).toBe(at)
  })

  it('at that very millisecond and not before', async () => {
    const { revalidation, refresh, store } = setUp()
    const hold = vi.spyOn(store, 'hold')
    after(EVERY - 1)
    expect(await revalidation.revalidate(COOKIE, session)).toEqual({ state: 'live', session })
    // The store is not asked either: this is before every request.
    expect([refresh.mock.calls, hold.mock.calls]).toEqual([[], []])
    after(EVERY)
    await revalidation.revalidate(COOKIE, session)
    expect(refresh).toHaveBeenCalledExactlyOnceWith(session, vault)
  })

  it('again later after a try that came to nothing, and as usual after one that did not', async () => {
    const { revalidation, refresh, sessions } = setUp()
    after(EVERY)
    refresh.mockResolvedValueOnce(unavailable)
    await revalidation.revalidate(COOKIE, session)
    expect(revalidation.dueAt(session)).toBe(START + EVERY + 30_000)
    // Another session's try does not forget it, nor move it.
    const two = { ...session, id: 'two' }
    sessions.find.mockResolvedValueOnce({ state: 'live', session: two })
    await revalidation.revalidate('another', two)
    expect(revalidation.dueAt(session)).toBe(START + EVERY + 30_000)
    after(EVERY + 30_000)
    await revalidation.revalidate(COOKIE, session)
    expect(refresh).toHaveBeenCalledTimes(3)
    expect(revalidation.dueAt(session)).toBe(START + EVERY)
  })

  it.each([
    [2_000, 1_000],
    [50_000, 10_000],
    [600_000, 30_000],
  ])('where it is every %i ms, again after %i ms', async (revalidateEvery, retry) => {
    const { revalidation, refresh, settings } = setUp()
    const { current } = settings
    settings.current = { ...current, session: { ...current.session, revalidateEvery } }
    after(revalidateEvery)
    refresh.mockResolvedValue(unavailable)
    await revalidation.revalidate(COOKIE, session)
    expect(revalidation.dueAt(session)).toBe(START + revalidateEvery + retry)
  })
})

describe('the provider', () => {
  beforeEach(() => after(EVERY))

  it('is asked once for requests that come together, and again for the next that is due', async () => {
    const { revalidation, refresh, counted } = setUp()
    const both = [
      revalidation.revalidate(COOKIE, session),
      revalidation.revalidate(COOKIE, session),
    ]
    const [one, other] = await Promise.all(both)
    expect(one).toEqual(other)
    expect(refresh).toHaveBeenCalledTimes(1)
    await revalidation.revalidate(COOKIE, session)
    expect(refresh).toHaveBeenCalledTimes(2)
    expect(await counted('refreshed')).toBe(2)
  })

  it('is asked by one replica of two', async () => {
    const { revalidation, replica, refresh, store } = setUp()
    const asked = Promise.withResolvers<RefreshOutcome>()
    refresh.mockReturnValueOnce(asked.promise)
    const first = revalidation.revalidate(COOKIE, session)
    await vi.advanceTimersByTimeAsync(0)
    expect(await replica().revalidate(COOKIE, session)).toEqual({ state: 'live', session })
    expect(refresh).toHaveBeenCalledTimes(1)
    asked.resolve(refreshed)
    await first
    // The lease is released at once.
    expect(await store.hold(LEASE, 'somebody else', 1_000)).toBe(true)
  })

  it('is asked by nobody else for as long as it does not answer', async () => {
    const { revalidation, refresh, store } = setUp()
    const asked = Promise.withResolvers<RefreshOutcome>()
    refresh.mockReturnValueOnce(asked.promise)
    void revalidation.revalidate(COOKIE, session)
    for (const seconds of [1, 10, 16, 31, 55]) {
      await vi.advanceTimersByTimeAsync(seconds * 1_000)
      expect(await store.hold(LEASE, 'somebody else', 1_000)).toBe(false)
    }
    asked.resolve(refreshed)
    await revalidation.settled()
    expect(await store.hold(LEASE, 'somebody else', 1_000)).toBe(true)
    // Nobody takes it back.
    await vi.advanceTimersByTimeAsync(20_000)
    expect(await store.hold(LEASE, 'a third', 1_000)).toBe(true)
  })

  it('is not asked while replicas restore a restarted store', async () => {
    const { revalidation, sessions, refresh, store } = setUp()
    sessions.isRecovering = true
    expect(await revalidation.revalidate(COOKIE, session)).toEqual({ state: 'live', session })
    expect(refresh).not.toHaveBeenCalled()
    expect(await store.hold(LEASE, 'somebody else', 1_000)).toBe(true)
  })

  it('is not asked while the store is away', async () => {
    const { revalidation, store, refresh } = setUp()
    vi.spyOn(store, 'hold').mockRejectedValue(new Error('the store is away'))
    await expect(revalidation.revalidate(COOKIE, session)).rejects.toThrow('away')
    expect(refresh).not.toHaveBeenCalled()
  })

  it.each<[string, Lookup]>([
    ['has ended meanwhile', { state: 'ended', reason: 'revoked', at: START }],
    ['is gone', { state: 'none' }],
    [
      'was renewed by another replica',
      { state: 'live', session: { ...session, validatedAt: START + EVERY } },
    ],
  ])('is not asked about a session that %s', async (_, lookup) => {
    const { revalidation, sessions, refresh, store } = setUp()
    sessions.find.mockResolvedValueOnce(lookup)
    expect(await revalidation.revalidate(COOKIE, session)).toEqual(lookup)
    expect(refresh).not.toHaveBeenCalled()
    expect(await store.hold(LEASE, 'somebody else', 1_000)).toBe(true)
  })

  it.each([undefined, { idToken: 'id', refreshToken: undefined }])(
    'is not asked with a vault of %j',
    async (found) => {
      const { revalidation, sessions, refresh } = setUp()
      sessions.openVault.mockResolvedValueOnce(found)
      expect(await revalidation.revalidate(COOKIE, session)).toEqual({ state: 'live', session })
      expect(refresh).not.toHaveBeenCalled()
    },
  )
})

describe('an answer', () => {
  beforeEach(() => after(EVERY))
  const renewed: Session = {
    ...session,
    identity: { ...identity, name: 'Alice' },
    role: 'view',
    clipboardIn: 'deny',
    rule: 'ops',
    validatedAt: START + EVERY,
    tokensExpireAt: START + 20 * MINUTE,
  }

  it('gives the session what the rules of today say, in the store and in the streams', async () => {
    const { revalidation, sessions, onRenewed, lines } = setUp()
    expect(await revalidation.revalidate(COOKIE, session)).toEqual({
      state: 'live',
      session: renewed,
    })
    expect(onRenewed).toHaveBeenCalledExactlyOnceWith(renewed)
    expect(sessions.renew).toHaveBeenCalledExactlyOnceWith(COOKIE, renewed, newVault, START)
    expect(sessions.end).not.toHaveBeenCalled()
    expect(lines).toEqual([])
  })

  it('that the rules no longer let in ends the session, and is not written', async () => {
    const { revalidation, sessions, onRenewed, refresh } = setUp()
    refresh.mockResolvedValueOnce({ ...refreshed, identity: { ...identity, groups: [] } })
    expect(await revalidation.revalidate(COOKIE, session)).toEqual({
      state: 'ended',
      reason: 'access-withdrawn',
      at: START + EVERY,
    })
    expect(sessions.end).toHaveBeenCalledExactlyOnceWith('one', 'access-withdrawn')
    expect(sessions.renew).not.toHaveBeenCalled()
    expect(onRenewed).not.toHaveBeenCalled()
  })

  it('that another replica wrote first gives way to it', async () => {
    const { revalidation, sessions } = setUp()
    const theirs = { ...renewed, validatedAt: START + EVERY + 1 }
    sessions.renew.mockResolvedValueOnce(false)
    sessions.find
      .mockResolvedValueOnce({ state: 'live', session })
      .mockResolvedValueOnce({ state: 'live', session: theirs })
    expect(await revalidation.revalidate(COOKIE, session)).toEqual({
      state: 'live',
      session: theirs,
    })
  })

  it('without an identity keeps the tokens, the person as known, and the time of the last word', async () => {
    const { revalidation, sessions, refresh, lines } = setUp()
    refresh.mockResolvedValueOnce({ ...refreshed, identity: undefined, cause: 'no userinfo' })
    const kept = { ...renewed, identity, validatedAt: START }
    expect(await revalidation.revalidate(COOKIE, session)).toEqual({ state: 'live', session: kept })
    expect(sessions.renew).toHaveBeenCalledExactlyOnceWith(COOKIE, kept, newVault, START)
    expect(revalidation.dueAt(kept)).toBe(START + EVERY + 30_000)
    expect(lines).toMatchObject([{ level: 'warn', session: 'one', err: 'no userinfo' }])
  })

  it('without an identity is an outage all the same, and the grace runs out', async () => {
    const { revalidation, sessions, refresh } = setUp()
    after(EVERY + GRACE)
    refresh.mockResolvedValueOnce({ ...refreshed, identity: undefined, cause: 'no userinfo' })
    expect(await revalidation.revalidate(COOKIE, session)).toMatchObject({
      reason: 'provider-lost',
    })
    expect(sessions.renew).toHaveBeenCalledTimes(1)
  })

  it('is written again each second while the store is away', async () => {
    const { revalidation, sessions } = setUp()
    const away = new Error('the store is away')
    sessions.renew.mockRejectedValueOnce(away).mockRejectedValueOnce(away)
    const asked = revalidation.revalidate(COOKIE, session)
    await vi.advanceTimersByTimeAsync(1_999)
    expect(sessions.renew).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(await asked).toEqual({ state: 'live', session: renewed })
    expect(sessions.renew).toHaveBeenCalledTimes(3)
  })

  it('is given up when the store is away for longer than its grace', async () => {
    const { revalidation, sessions } = setUp()
    sessions.renew.mockRejectedValue(new Error('the store is away'))
    const asked = expect(revalidation.revalidate(COOKIE, session)).rejects.toThrow('away')
    await vi.advanceTimersByTimeAsync(60_000)
    await asked
    // At once, then each second of five.
    expect(sessions.renew).toHaveBeenCalledTimes(6)
  })

  it('is waited for ten seconds by people, and to its end by the gateway', async () => {
    const { revalidation, sessions, refresh } = setUp()
    const answer = Promise.withResolvers<RefreshOutcome>()
    refresh.mockReturnValueOnce(answer.promise)
    let waited: Lookup | undefined
    void revalidation.revalidate(COOKIE, session).then((lookup) => (waited = lookup))
    await vi.advanceTimersByTimeAsync(9_999)
    expect(waited).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1)
    expect(waited).toEqual({ state: 'live', session })
    let isSettled = false
    void revalidation.settled().then(() => (isSettled = true))
    await vi.advanceTimersByTimeAsync(30_000)
    expect(isSettled).toBe(false)
    answer.resolve(refreshed)
    await vi.advanceTimersByTimeAsync(0)
    expect(isSettled).toBe(true)
    expect(sessions.renew).toHaveBeenCalledTimes(1)
  })

  it('leaves no timer behind', async () => {
    const { revalidation } = setUp()
    const before = vi.getTimerCount()
    await revalidation.revalidate(COOKIE, session)
    expect(vi.getTimerCount()).toBe(before)
  })
})

describe('a refusal', () => {
  beforeEach(() => after(EVERY))
  const refused: RefreshOutcome = { outcome: 'refused', cause: 'invalid_grant' }

  it('ends the session', async () => {
    const { revalidation, sessions, refresh, counted, lines } = setUp()
    refresh.mockResolvedValueOnce(refused)
    expect(await revalidation.revalidate(COOKIE, session)).toEqual({
      state: 'ended',
      reason: 'refresh-refused',
      at: START + EVERY,
    })
    expect(sessions.end).toHaveBeenCalledExactlyOnceWith('one', 'refresh-refused')
    expect(sessions.renew).not.toHaveBeenCalled()
    expect(await counted('refused')).toBe(1)
    expect(lines).toMatchObject([{ level: 'info', session: 'one', err: 'invalid_grant' }])
  })

  it('is answered when the session has ended, and is no answer when it cannot be ended', async () => {
    const { revalidation, sessions, refresh } = setUp()
    refresh.mockResolvedValue(refused)
    const ended = Promise.withResolvers<boolean>()
    sessions.end.mockReturnValueOnce(ended.promise)
    let answered: Lookup | undefined
    const asked = revalidation.revalidate(COOKIE, session).then((lookup) => (answered = lookup))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(answered).toBeUndefined()
    ended.resolve(true)
    expect(await asked).toMatchObject({ state: 'ended' })
    sessions.end.mockRejectedValueOnce(new Error('the store is away'))
    await expect(revalidation.revalidate(COOKIE, session)).rejects.toThrow('away')
  })

  it('ends the session, also when the store cannot be asked once more', async () => {
    const { revalidation, sessions, refresh } = setUp()
    refresh.mockResolvedValueOnce(refused)
    sessions.find
      .mockResolvedValueOnce({ state: 'live', session })
      .mockRejectedValueOnce(new Error('the store is away'))
    expect(await revalidation.revalidate(COOKIE, session)).toMatchObject({ state: 'ended' })
  })

  it.each<[string, Lookup]>([
    ['has renewed it', { state: 'live', session: { ...session, validatedAt: START + 1 } }],
    ['has ended it', { state: 'ended', reason: 'revoked', at: START }],
  ])('counts for nothing where another replica %s', async (_, latest) => {
    const { revalidation, sessions, refresh } = setUp()
    refresh.mockResolvedValueOnce(refused)
    sessions.find.mockResolvedValueOnce({ state: 'live', session }).mockResolvedValueOnce(latest)
    expect(await revalidation.revalidate(COOKIE, session)).toEqual(latest)
    expect(sessions.end).not.toHaveBeenCalled()
  })
})

describe('an outage of the provider', () => {
  it('ends nobody within its grace, and everybody after it', async () => {
    const { revalidation, sessions, refresh, lines } = setUp()
    refresh.mockResolvedValue(unavailable)
    after(EVERY + GRACE - 1)
    expect(await revalidation.revalidate(COOKIE, session)).toEqual({ state: 'live', session })
    expect(sessions.end).not.toHaveBeenCalled()
    expect(lines).toMatchObject([{ level: 'warn', session: 'one', err: 'down' }])
    after(EVERY + GRACE + 30_000)
    expect(await revalidation.revalidate(COOKIE, session)).toMatchObject({
      state: 'ended',
      reason: 'provider-lost',
    })
    expect(sessions.end).toHaveBeenCalledExactlyOnceWith('one', 'provider-lost')
  })

  it('ends a session at the very end of its grace', async () => {
    const { revalidation, refresh } = setUp()
    refresh.mockResolvedValue(unavailable)
    after(EVERY + GRACE)
    expect(await revalidation.revalidate(COOKIE, session)).toMatchObject({
      reason: 'provider-lost',
    })
    // Nothing is left to wait for.
    expect(revalidation.dueAt(session)).toBe(START + EVERY)
  })
})
