import { describe, expect, it } from 'vitest'
import { createCookies } from '../../../src/session/cookie.ts'
import { createLoginStates } from '../../../src/session/login-state.ts'

const SECRET = 'a secret of at least thirty-two bytes, surely'
const cookies = createCookies(new URL('https://desk.example.com'))
const attempt = {
  provider: 'oidc',
  nonce: 'n',
  codeVerifier: 'v',
  returnTo: '/here',
  authenticatedAfter: undefined,
}

function setUp(start = Date.UTC(2026, 0, 1)) {
  const clock = { time: start }
  return { clock, states: createLoginStates([SECRET], 'gateway', cookies, () => clock.time) }
}

/** What a browser would send back after these `Set-Cookie` values. */
function jar(...setCookies: string[]): string {
  const kept = new Map<string, string>()
  for (const line of setCookies) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    if (line.includes('Max-Age=0')) kept.delete(name)
    else kept.set(name, value)
  }
  return [...kept].map(([name, value]) => `${name}=${value}`).join('; ')
}

describe('a login attempt', () => {
  it('is found again by its state', async () => {
    const { states } = setUp()
    const { login, setCookies } = await states.begin(undefined, attempt)
    const taken = await states.take(jar(...setCookies), login.state)
    expect(taken).toEqual({ outcome: 'taken', login })
  })

  it('is used up by the first answer, also when two come at once', async () => {
    const { states } = setUp()
    const { login, setCookies } = await states.begin(undefined, attempt)
    const header = jar(...setCookies)
    const outcomes = await Promise.all([
      states.take(header, login.state),
      states.take(header, login.state),
    ])
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['taken', 'used'])
    expect((await states.take(header, login.state)).outcome).toBe('used')
  })

  it('is missing without its cookie', async () => {
    const { states } = setUp()
    const { login } = await states.begin(undefined, attempt)
    expect((await states.take(undefined, login.state)).outcome).toBe('missing')
    expect((await states.take('other=1', login.state)).outcome).toBe('missing')
  })

  it('lasts ten minutes', async () => {
    const { states, clock } = setUp()
    const { login, setCookies } = await states.begin(undefined, attempt)
    clock.time += 600_000
    const taken = await states.take(jar(...setCookies), login.state)
    expect(taken).toEqual({ outcome: 'expired', returnTo: '/here' })
  })

  it('has expired after that, and is not missing, when the browser has dropped the cookie', async () => {
    const { states, clock } = setUp()
    const { login } = await states.begin(undefined, attempt)
    clock.time += 599_999
    expect((await states.take('', login.state)).outcome).toBe('missing')
    clock.time += 1
    expect(await states.take('', login.state)).toEqual({ outcome: 'expired', returnTo: undefined })
  })

  it("refuses a state that is not the cookie's own, before anything is redeemed", async () => {
    const { states } = setUp()
    const mine = await states.begin(undefined, attempt)
    const theirs = await states.begin(undefined, attempt)
    const mixed = mine.login.state.slice(0, 14) + theirs.login.state.slice(14)
    expect((await states.take(jar(...mine.setCookies), mixed)).outcome).toBe('forged')
    for (const state of ['', 'x', 'a'.repeat(57), `${mine.login.state}x`, '../../../etc']) {
      expect((await states.take(jar(...mine.setCookies), state)).outcome).not.toBe('taken')
    }
  })

  it('refuses a cookie that was tampered with or sealed elsewhere', async () => {
    const { states } = setUp()
    const { login, setCookies } = await states.begin(undefined, attempt)
    const header = jar(...setCookies)
    expect((await states.take(`${header}x`, login.state)).outcome).toBe('forged')
    const secret = 'another secret of at least thirty-two bytes'
    const elsewhere = createLoginStates([secret], 'gateway', cookies, Date.now)
    expect((await elsewhere.take(header, login.state)).outcome).toBe('forged')
  })

  it('refuses a cookie of another gateway with the same secret', async () => {
    const { states, clock } = setUp()
    const { login, setCookies } = await states.begin(undefined, attempt)
    const other = createLoginStates([SECRET], 'another gateway', cookies, () => clock.time)
    expect((await other.take(jar(...setCookies), login.state)).outcome).toBe('forged')
    expect((await states.take(jar(...setCookies), login.state)).outcome).toBe('taken')
  })
})

async function takeEach(tabs: number, returnTo: string): Promise<string[]> {
  const { states, clock } = setUp()
  const begun = []
  const sent: string[] = []
  for (let tab = 0; tab < tabs; tab += 1) {
    clock.time += 1_000
    const next = await states.begin(jar(...sent), { ...attempt, returnTo })
    begun.push(next.login.state)
    sent.push(...next.setCookies)
  }
  expect(jar(...sent).length).toBeLessThan(8_192)
  return Promise.all(begun.map(async (state) => (await states.take(jar(...sent), state)).outcome))
}

it('lets ten tabs sign in at once', async () => {
  expect(await takeEach(10, '/vnc.html?tab=1')).toEqual(Array(10).fill('taken'))
})

it('drops the oldest attempts when their cookies are too large together', async () => {
  expect(await takeEach(5, `/${'x'.repeat(1_000)}`)).toEqual([
    'missing',
    'missing',
    'taken',
    'taken',
    'taken',
  ])
})

it('calls it a loop when three sign-ins within a minute came back', async () => {
  const { states, clock } = setUp()
  let header = ''
  for (let round = 0; round < 3; round += 1) {
    expect(await states.isLooping(header)).toBe(false)
    header = jar(await states.countRound(header))
    clock.time += 5_000
  }
  expect(await states.isLooping(header)).toBe(true)
  clock.time += 60_000
  expect(await states.isLooping(header)).toBe(false)
})
