import { Writable } from 'node:stream'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { AccessRule, Settings } from '../../../src/config/config.ts'
import { createDesktop } from '../../../src/desktop/desktop.ts'
import { createAuthorize } from '../../../src/gate/authorize.ts'
import { GatewayError } from '../../../src/lib/errors.ts'
import { createLog } from '../../../src/observability/log.ts'
import { createMetrics } from '../../../src/observability/metrics.ts'
import { createCookies } from '../../../src/session/cookie.ts'
import type { Lookup, Session } from '../../../src/session/session.ts'
import type { Provider } from '../../../src/oidc/provider.ts'
import type { Sessions } from '../../../src/session/sessions.ts'

const COOKIE = '__Host-ghostwire=abc'

const session = {
  id: 'one',
  identity: { groups: ['ops'], claims: {}, email: undefined, emailCounts: false },
} as unknown as Session

function rule(more: Partial<AccessRule> = {}): AccessRule {
  return {
    id: 'ops',
    match: { provider: [], groups: ['ops'], emails: [], emailDomains: [], claims: {} },
    role: 'control',
    require: undefined,
    clipboardIn: 'deny',
    downloads: 'allow',
    ...more,
  }
}

const NOW = Date.UTC(2026, 0, 1)

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

function setUp(access: readonly AccessRule[] = [rule()]) {
  const url = new URL('http://127.0.0.1:9')
  const tls = { caFile: undefined, fingerprint: undefined, insecure: false }
  const sound = {
    path: '/sound',
    url,
    tls,
    role: 'owner',
    stripPrefix: true,
    credentials: undefined,
  }
  const settings = {
    current: {
      access,
      publicUrl: new URL('https://desk.example.com'),
      desktop: { url, kind: 'kasmvnc', tls, routes: [sound], credentials: {} },
    } as unknown as Settings,
  }
  const desktop = createDesktop(settings, createLog('error', new Writable()), Date.now)
  closing.push(() => desktop.close())
  const sessions = {
    find: vi.fn<(cookie: string) => Promise<Lookup>>(async () => ({ state: 'live', session })),
    end: vi.fn<Sessions['end']>(async () => true),
  }
  const revalidation = {
    dueAt: () => undefined,
    revalidate: vi.fn<(cookie: string, session: Session) => Promise<Lookup>>(async (_, found) => ({
      state: 'live',
      session: found,
    })),
    settled: async () => {},
  }
  const providers = { of: (): Provider | undefined => ({}) as Provider }
  const lines: Record<string, unknown>[] = []
  const output = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>)
      done()
    },
  })
  const metrics = createMetrics('test')
  const authorize = createAuthorize({
    settings,
    cookies: createCookies(settings.current.publicUrl),
    sessions: sessions as unknown as Sessions,
    providers,
    revalidation,
    desktop,
    metrics,
    log: createLog('debug', output),
    now: () => NOW,
  })
  /** Decision and reason of what was counted, once each. */
  const counted = async (): Promise<string[]> => {
    const { values } = await metrics.authorizations.get()
    return values.map(({ labels, value }) =>
      [labels['decision'], labels['reason'], value].join(' '),
    )
  }
  return { authorize, sessions, providers, revalidation, desktop, lines, counted }
}

describe('whoever has no session', () => {
  it.each([undefined, '', 'other=1', 'ghostwire=abc', '__Host-ghostwire-login-x=abc'])(
    'by the cookies %j is not looked up',
    async (header) => {
      const { authorize, sessions, counted } = setUp()
      const outcome = { outcome: 'unauthenticated', ended: undefined }
      expect(await authorize(header, '/')).toEqual(outcome)
      expect(sessions.find).not.toHaveBeenCalled()
      expect(await counted()).toEqual(['unauthenticated no-session 1'])
    },
  )

  it('at a provider that is no longer in the settings has no session either', async () => {
    const { authorize, sessions, providers } = setUp()
    providers.of = () => undefined
    const outcome = { outcome: 'unauthenticated', ended: 'access-withdrawn' }
    expect(await authorize(COOKIE, '/')).toEqual(outcome)
    expect(sessions.end).toHaveBeenCalledExactlyOnceWith('one', 'access-withdrawn')
  })

  it('by the store is told apart from whose session has ended', async () => {
    const { authorize, sessions, revalidation, counted } = setUp()
    sessions.find.mockResolvedValueOnce({ state: 'none' })
    expect(await authorize(COOKIE, '/')).toEqual({ outcome: 'unauthenticated', ended: undefined })
    expect(sessions.find).toHaveBeenCalledExactlyOnceWith('abc')
    sessions.find.mockResolvedValueOnce({ state: 'ended', reason: 'idle', at: 1 })
    expect(await authorize(COOKIE, '/')).toEqual({ outcome: 'unauthenticated', ended: 'idle' })
    expect(revalidation.revalidate).not.toHaveBeenCalled()
    expect(await counted()).toEqual(['unauthenticated no-session 1', 'unauthenticated idle 1'])
  })

  it('by the word of the provider a moment ago is out', async () => {
    const { authorize, revalidation } = setUp()
    const lookup = { state: 'ended', reason: 'refresh-refused', at: 1 } as const
    revalidation.revalidate.mockResolvedValueOnce(lookup)
    const outcome = { outcome: 'unauthenticated', ended: 'refresh-refused' }
    expect(await authorize(COOKIE, '/')).toEqual(outcome)
    expect(revalidation.revalidate).toHaveBeenCalledExactlyOnceWith('abc', session)
  })
})

describe('whoever has one', () => {
  it('gets what the rule of today gives, for this place and no other', async () => {
    const { authorize, desktop, counted } = setUp([rule({ role: 'view' })])
    const granted = await authorize(COOKIE, '/vnc.html')
    expect(granted).toMatchObject({
      outcome: 'granted',
      session,
      role: 'view',
      clipboardIn: 'deny',
      cookie: 'abc',
    })
    expect(granted).toHaveProperty('place', desktop.placeOf('/vnc.html'))
    expect(await counted()).toEqual(['granted view 1'])
  })

  it('is judged as the provider says who they are now', async () => {
    const { authorize, revalidation } = setUp()
    const other = { ...session, identity: { ...session.identity, groups: [] } }
    revalidation.revalidate.mockResolvedValueOnce({ state: 'live', session: other })
    expect(await authorize(COOKIE, '/')).toEqual({
      outcome: 'forbidden',
      session: other,
      reason: 'no-rule-matches',
    })
  })

  it.each<[string, AccessRule['role'], string, string]>([
    ['the API of KasmVNC', 'control', '/api/get_stats', 'owner-api'],
    ['the API of KasmVNC', 'view', '/x/API/y', 'owner-api'],
    ['a route for others', 'control', '/sound/a', 'route'],
  ])('is kept from %s as %s: %s', async (_, role, path, reason) => {
    const { authorize, counted } = setUp([rule({ role })])
    expect(await authorize(COOKIE, path)).toEqual({ outcome: 'forbidden', session, reason })
    expect(await counted()).toEqual([`forbidden ${reason} 1`])
  })

  it('as owner goes everywhere', async () => {
    const { authorize } = setUp([rule({ role: 'owner' })])
    for (const path of ['/api/get_stats', '/sound/a', '/Downloads/a', '/']) {
      expect(await authorize(COOKIE, path)).toMatchObject({ outcome: 'granted', role: 'owner' })
    }
  })

  it('sees no files where downloads are denied, as owner neither', async () => {
    const { authorize } = setUp([rule({ role: 'owner', downloads: 'deny' })])
    for (const path of ['/Downloads/a', '/api/x/Downloads', '/folder/']) {
      const refused = { outcome: 'forbidden', session, reason: 'downloads' }
      expect(await authorize(COOKIE, path)).toEqual(refused)
    }
    expect(await authorize(COOKIE, '/vnc.html')).toMatchObject({ outcome: 'granted' })
    expect(await authorize(COOKIE, '/')).toMatchObject({ outcome: 'granted' })
  })

  it('sees files where downloads are allowed', async () => {
    const { authorize } = setUp()
    expect(await authorize(COOKIE, '/Downloads/a')).toMatchObject({ outcome: 'granted' })
  })
})

describe('a store that does not answer', () => {
  it('is no logout, and no line in the log for each request', async () => {
    const { authorize, sessions, lines, counted } = setUp()
    sessions.find.mockRejectedValueOnce(new GatewayError('store-unavailable', 'away'))
    expect(await authorize(COOKIE, '/')).toEqual({ outcome: 'store-unavailable' })
    expect(lines).toEqual([])
    expect(await counted()).toEqual(['store-unavailable store 1'])
  })

  it('while the provider is asked is none either', async () => {
    const { authorize, revalidation } = setUp()
    revalidation.revalidate.mockRejectedValueOnce(new GatewayError('store-unavailable', 'away'))
    expect(await authorize(COOKIE, '/')).toEqual({ outcome: 'store-unavailable' })
  })

  it('is what a fault of the gateway looks like, and that is logged', async () => {
    const { authorize, sessions, lines } = setUp()
    sessions.find.mockRejectedValueOnce(new TypeError('a fault'))
    expect(await authorize(COOKIE, '/')).toEqual({ outcome: 'store-unavailable' })
    expect(lines).toMatchObject([{ level: 'error', err: { message: 'a fault' } }])
  })
})
