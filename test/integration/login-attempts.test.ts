import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startTestGateway, type Environment, type TestGateway } from '../support/gateway.ts'
import { Person, type Answer } from '../support/person.ts'
import {
  countAsked,
  expectNoSession,
  expectRefused,
  metric,
  requestIdOn,
  signIn,
  startScriptedStack,
  withScriptedStack,
  type ScriptedStack,
} from '../support/scripted-stack.ts'

let stack: ScriptedStack
const clock = { time: 0 }
beforeAll(async () => {
  stack = await startScriptedStack({ gateway: { now: () => clock.time } })
})
afterAll(() => stack.stop())
afterEach(() => stack.op.reset())
// Of its own, so that a test can let ten minutes pass.
const resetClock = (): void => void (clock.time = Date.now())
beforeAll(resetClock)
afterEach(resetClock)

const INVALID = { status: 400, reason: 'login-invalid' }
const MISSING = { status: 400, reason: 'login-cookie-missing' }
const TOO_LATE = { status: 400, reason: 'login-expired' }
const USED = { status: 400, reason: 'login-used' }

interface Attempt {
  readonly person: Person
  /** The callback, as the provider fills it in. */
  readonly back: URL
  readonly cookieName: string
}

/** A login that the provider has answered and the gateway has not yet seen again. */
async function begin(person = new Person(), path = '/'): Promise<Attempt> {
  const { location, headers } = await person.visit(stack.at(path))
  const cookie = headers.getSetCookie().find((line) => !line.includes('Max-Age=0')) ?? ''
  return {
    person,
    back: stack.op.signIn(location as URL),
    cookieName: cookie.slice(0, cookie.indexOf('=')),
  }
}

const jarOf = ({ person }: Pick<Attempt, 'person'>): Map<string, string> =>
  person.jars.get('localhost') ?? new Map<string, string>()

const sessionOf = (person: Person): string | undefined =>
  [...jarOf({ person })].find(([name]) => /^ghostwire-\d+$/.test(name))?.[1]

/** That the attempt is refused, and that the provider never heard of its code. */
async function refusesUnredeemed(
  refusal: typeof INVALID,
  attempt: () => Promise<Answer>,
): Promise<void> {
  const asked = await countAsked(stack.op, 'token', () => expectRefused(stack, refusal, attempt))
  expect(asked).toBe(0)
}

const withState = (url: URL, state: string | undefined): URL => {
  const changed = new URL(url)
  if (state === undefined) changed.searchParams.delete('state')
  else changed.searchParams.set('state', state)
  return changed
}

describe('a state', () => {
  it.each([
    ['that is missing', () => undefined],
    ['that is empty', () => ''],
    ['of no shape', () => 'x'],
    ['of no length', (state) => state.repeat(200)],
    ['with a character changed', (state) => state.slice(0, -1) + (state.endsWith('A') ? 'B' : 'A')],
    ['cut short', (state) => state.slice(0, -1)],
    ['with a tail', (state) => `${state}A`],
    ['of another case', (state) => state.toUpperCase()],
    ['with the name of the attempt alone', (state) => state.slice(0, 14) + 'A'.repeat(43)],
    ['with a line break', (state) => `${state}\r\nset-cookie: x=y`],
  ] satisfies [string, (state: string) => string | undefined][])(
    '%s is forged, and no code is redeemed',
    async (_, forge) => {
      const { person, back } = await begin()
      const state = forge(back.searchParams.get('state') ?? '')
      await refusesUnredeemed(INVALID, () => person.visit(withState(back, state)))
      // The attempt itself is none the worse.
      expect((await person.visit(back)).status).toBe(302)
    },
  )

  it('of somebody else’s login does nothing in this browser: nobody is signed in as another', async () => {
    const attacker = await begin()
    await refusesUnredeemed(MISSING, () => new Person().visit(attacker.back))
    const victim = await begin()
    await refusesUnredeemed(MISSING, () => victim.person.visit(attacker.back))
  })

  it('with the code of somebody else’s login fails at the provider: it has another verifier', async () => {
    const attacker = await begin()
    const victim = await begin()
    const injected = withState(attacker.back, victim.back.searchParams.get('state') ?? '')
    const asked = await countAsked(stack.op, 'token', () =>
      expectRefused(stack, INVALID, () => victim.person.visit(injected)),
    )
    expect(asked).toBe(1)
  })
})

describe('the cookie of a login', () => {
  it.each([
    ['empty', () => ''],
    ['no JWE', () => 'x'],
    ['too long', () => 'A'.repeat(3_000)],
    [
      'of a key of nobody’s',
      (sealed) => sealed.replace(/^[^.]+/, 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0'),
    ],
    [
      'changed in the middle',
      (sealed) =>
        sealed.replace(
          /\.(.)([^.]*)$/,
          (_, one: string, rest: string) => `.${one === 'A' ? 'B' : 'A'}${rest}`,
        ),
    ],
    ['cut short', (sealed) => sealed.slice(0, -1)],
    ['signed, not sealed', () => `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`],
    ['a percent sign', () => '%'],
  ] satisfies [string, (sealed: string) => string][])(
    'that is %s opens nothing',
    async (_, forge) => {
      const { person, back, cookieName } = await begin()
      const jar = jarOf({ person })
      jar.set(cookieName, forge(jar.get(cookieName) ?? ''))
      await refusesUnredeemed(INVALID, () => person.visit(back))
    },
  )

  it('of another attempt does not open this one', async () => {
    const person = new Person()
    const one = await begin(person)
    const two = await begin(person)
    const jar = jarOf({ person })
    jar.set(one.cookieName, jar.get(two.cookieName) ?? '')
    await refusesUnredeemed(INVALID, () => person.visit(one.back))
    expect((await person.visit(two.back)).status).toBe(302)
  })

  it('of a session does not open one', async () => {
    const person = new Person()
    await signIn(stack, '/', person)
    const { back, cookieName } = await begin(new Person())
    const stranger = new Person()
    stranger.jars.set('localhost', new Map([[cookieName, sessionOf(person) ?? '']]))
    await refusesUnredeemed(INVALID, () => stranger.visit(back))
  })

  it('that is missing is named as such, with what may have become of it', async () => {
    const { person, back, cookieName } = await begin()
    jarOf({ person }).delete(cookieName)
    const { answer } = await expectRefused(stack, MISSING, () => person.visit(back))
    expect(answer.body).toContain('cookie')
    expect(answer.body).toContain('Safari')
  })

  it('is good for ten minutes, and then leads on to where this person was going', async () => {
    const late = await begin(new Person(), '/late')
    const last = await begin()
    clock.time += 599_000
    expect((await last.person.visit(last.back)).status).toBe(302)
    clock.time += 1_000
    const { answer } = await expectRefused(stack, TOO_LATE, () => late.person.visit(late.back))
    expect(answer.body).toContain('href="/oauth2/start?rd=%2Flate"')
    // A browser that has dropped the cookie by now, as it was told to, is told the same.
    jarOf(late).delete(late.cookieName)
    await refusesUnredeemed(TOO_LATE, () => late.person.visit(late.back))
  })

  it('is gone with the login, however that ends', async () => {
    const good = await begin()
    await good.person.visit(good.back)
    expect(jarOf(good).has(good.cookieName)).toBe(false)
    const bad = await begin()
    stack.op.script({ claims: { nonce: 'another' } })
    await bad.person.visit(bad.back)
    expect([...jarOf(bad).keys()]).toEqual([])
  })

  it('is one of ten in tabs that are restored together, and each arrives', async () => {
    const person = new Person()
    const attempts: Attempt[] = []
    for (let tab = 0; tab < 10; tab += 1) {
      clock.time += 1
      attempts.push(await begin(person, `/tab-${tab}`))
    }
    const landed = []
    for (const { back } of attempts) landed.push((await person.visit(back)).location?.pathname)
    expect(landed).toEqual(attempts.map((_, tab) => `/tab-${tab}`))
  })

  it('with a long address leaves room for three: the oldest goes', async () => {
    const person = new Person()
    const attempts: Attempt[] = []
    for (let tab = 0; tab < 5; tab += 1) {
      clock.time += 1
      attempts.push(await begin(person, `/tab-${tab}?${'x'.repeat(1_000)}`))
      expect(person.cookieHeader(stack.gateway.origin).length).toBeLessThan(8_192)
    }
    for (const { back } of attempts.slice(0, 2)) {
      await refusesUnredeemed(MISSING, () => person.visit(back))
    }
    const landed = []
    for (const { back } of attempts.slice(2).toReversed()) {
      landed.push((await person.visit(back)).location?.pathname)
    }
    expect(landed).toEqual(['/tab-4', '/tab-3', '/tab-2'])
  })

  it('of whatever else the browser sends is not minded', async () => {
    const attempt = await begin()
    jarOf(attempt).set('=', '=').set('a', '"b"').set('ghostwire-login', '{}')
    expect((await attempt.person.visit(attempt.back)).status).toBe(302)
  })
})

describe('an answer that comes again', () => {
  it('by the back button or a bookmark leads whoever is signed in to the desktop', async () => {
    const { person, back } = await begin()
    await person.visit(back)
    const session = sessionOf(person)
    for (let count = 0; count < 2; count += 1) {
      const asked = await countAsked(stack.op, 'token', async () => {
        const { status, location } = await person.visit(back)
        expect([status, location?.href]).toEqual([302, stack.at('/')])
      })
      expect(asked).toBe(0)
    }
    expect(sessionOf(person)).toBe(session)
    // Long after, too, when nobody here remembers it.
    const { back: other } = await begin()
    expect((await person.visit(other)).location?.href).toBe(stack.at('/'))
    clock.time += 601_000
    expect((await person.visit(other)).location?.href).toBe(stack.at('/'))
  })

  it('with a copy of the cookies, in another browser, signs nobody in', async () => {
    const { person, back } = await begin()
    const thief = new Person()
    thief.jars.set('localhost', new Map(jarOf({ person })))
    await person.visit(back)
    await refusesUnredeemed(USED, () => thief.visit(back))
  })

  it('at the same moment redeems the code once', async () => {
    const { person, back } = await begin()
    const asked = await countAsked(stack.op, 'token', async () => {
      const answers = await Promise.all([person.visit(back), person.visit(back)])
      expect(answers.map(({ status }) => status).sort()).toEqual([302, 400])
    })
    expect(asked).toBe(1)
  })

  it('after a failure says so', async () => {
    const { person, back } = await begin()
    stack.op.script({ token: () => ({ status: 500 }) })
    await expectRefused(stack, { status: 502, reason: 'provider-error' }, () => person.visit(back))
    stack.op.reset()
    await refusesUnredeemed(USED, () => person.visit(back))
  })
})

describe('a sign-in over a live session', () => {
  it('ends that one, and a new cookie begins', async () => {
    const person = new Person()
    await signIn(stack, '/', person)
    const old = sessionOf(person)
    const login = stack.gateway.audit('login').at(-1)
    await signIn(stack, '/oauth2/start', person)
    expect(sessionOf(person)).not.toBe(old)
    expect(stack.gateway.audit('session_ended').at(-1)).toMatchObject({
      session: login?.['session'],
      reason: 'signed-out',
      request: stack.gateway.audit('login').at(-1)?.['request'],
    })
  })

  it.each([
    ['before that one was opened', false],
    ['before the browser had its cookie', true],
  ])('that began %s keeps it when it is of the same person', async (_, isOpenedFirst) => {
    const first = await begin()
    const { person } = first
    if (isOpenedFirst) await person.request(first.back)
    const withCookie = [...jarOf(first)]
    // The request that begins the second attempt is on its way before the cookie arrives.
    for (const [name] of withCookie) if (/^ghostwire-\d+$/.test(name)) jarOf(first).delete(name)
    clock.time += 1_000
    const second = await begin(person, '/deep?x=1')
    clock.time += 1_000
    if (!isOpenedFirst) await person.request(first.back)
    else for (const [name, value] of withCookie) jarOf(first).set(name, value)
    const kept = sessionOf(person)
    expect(kept).toBeDefined()
    const ended = stack.gateway.audit('session_ended').length
    const answer = await person.request(second.back)
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/deep?x=1'])
    expect(sessionOf(person)).toBe(kept)
    expect(stack.gateway.audit('session_ended')).toHaveLength(ended)
    const page = await person.request(stack.at('/oauth2/sign_in?reason=signed-out&rd=%2Fdeep'))
    expect(page.body).toContain('You are already signed in')
    expect(page.body).toContain('href="/deep"')
  })

  it('asks first when the link to it is on another site', async () => {
    const person = new Person()
    const headers = { 'sec-fetch-site': 'cross-site' }
    const start = stack.at('/oauth2/start')
    expect((await person.request(start, { headers })).status).toBe(302)
    await signIn(stack, '/', person)
    const asked = await person.request(start, { headers })
    expect([asked.status, asked.body.includes('Sign in again?')]).toEqual([200, true])
    expect((await person.request(start)).status).toBe(302)
  })

  it('ends a younger one when it is of somebody else', async () => {
    const first = await begin()
    const { person } = first
    stack.op.script({ claims: { sub: 'bob' } })
    const second = await begin(person)
    stack.op.reset()
    clock.time += 1_000
    await person.request(first.back)
    const old = sessionOf(person)
    stack.op.script({ claims: { sub: 'bob' } })
    await person.request(second.back)
    expect(sessionOf(person)).not.toBe(old)
    expect(stack.gateway.audit('session_ended').at(-1)).toMatchObject({ sub: 'alice' })
  })

  it('ends that one also when the new person may not enter', async () => {
    const person = new Person()
    await signIn(stack, '/', person)
    const cookie = person.cookieHeader(stack.gateway.origin)
    const before = stack.gateway.audit('session_ended').length
    stack.op.script({ claims: { sub: 'mallory', groups: [] } })
    const answer = await signIn(stack, '/oauth2/start', person)
    expect(answer.status).toBe(403)
    expectNoSession(answer)
    expect(sessionOf(person)).toBeUndefined()
    const old = await new Person().request(stack.at('/oauth2/userinfo'), { headers: { cookie } })
    expect(old.status).toBe(401)
    const [ended, ...more] = stack.gateway.audit('session_ended').slice(before)
    expect([ended?.['sub'], ended?.['request'], more]).toEqual(['alice', requestIdOn(answer), []])
  })

  it('leaves that one alone when the login fails', async () => {
    const person = new Person()
    await signIn(stack, '/', person)
    stack.op.script({ claims: { nonce: 'another' } })
    await expectRefused(stack, INVALID, () => signIn(stack, '/oauth2/start', person))
    expect((await person.request(stack.at('/oauth2/userinfo'))).status).toBe(200)
  })

  it('never keeps a cookie that was there before: no session can be planted', async () => {
    const person = new Person()
    const name = `ghostwire-${new URL(stack.gateway.origin).port}`
    person.jars.set('localhost', new Map([[name, 'A'.repeat(43)]]))
    await signIn(stack, '/', person)
    expect(sessionOf(person)).toMatch(/^[\w-]{43}$/)
    expect(sessionOf(person)).not.toBe('A'.repeat(43))
  })
})

describe('after the sign-in', () => {
  it.each([
    ['/', '/'],
    ['/vnc.html', '/vnc.html'],
    ['/vnc.html?autoconnect=1&path=a%2Fb', '/vnc.html?autoconnect=1&path=a%2Fb'],
    ['/a//b', '/a//b'],
    // Paths of this origin, whatever they remind of.
    ['/@evil.example', '/@evil.example'],
    ['/%09/evil.example', '/%09/evil.example'],
    ['/?rd=https://evil.example', '/?rd=https://evil.example'],
  ])('a person who wanted %s is there', async (rd, landing) => {
    const { location } = await signIn(stack, `/oauth2/start?rd=${encodeURIComponent(rd)}`)
    expect(location?.href).toBe(stack.at(landing))
  })

  // What open redirects are made of (after oauth2-proxy's testdata/openredirects.txt).
  it.each([
    'https://evil.example',
    'http://localhost:1/',
    '//evil.example',
    '///evil.example',
    '////evil.example/%2e%2e',
    '\\\\evil.example',
    '/\\evil.example',
    '/\\/evil.example',
    '\\/evil.example',
    '/%5cevil.example',
    '/%2Fevil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/\r/evil.example',
    '\t//evil.example',
    ' //evil.example',
    '/ /evil.example',
    '/.//evil.example',
    '/..//evil.example',
    '/a/..//evil.example',
    '/./\\evil.example',
    '/%2e%2e//evil.example',
    '/.\u2028/evil.example',
    '/／evil.example',
    '／／evil.example',
    '/。evil.example',
    'https:evil.example',
    'https:/evil.example',
    'javascript:alert(1)',
    'data:text/html,x',
    '//localhost@evil.example',
    'evil.example',
    '.evil.example',
    '@evil.example',
    '?x',
    '#x',
    '',
    '//',
    '/oauth2/sign_out',
    '/oauth2',
    '/x/../oauth2/start',
    `/${'a'.repeat(2_000)}`,
    '/\u0000',
    '/x\r\nset-cookie: a=b',
  ])('a person sent on by rd=%j is at the front page of this origin', async (rd) => {
    const query = `?rd=${encodeURIComponent(rd)}`
    const { location } = await signIn(stack, `/oauth2/start${query}`)
    expect(location?.href).toBe(stack.at('/'))
    const page = await new Person().visit(stack.at(`/oauth2/sign_in${query}`))
    expect(page.body).toContain('href="/oauth2/start?rd=%2F"')
  })

  it('a person whose request line was such a trap is at the front page, too', async () => {
    const { location } = await signIn(stack, '//evil.example/x')
    expect(location?.href).toBe(stack.at('/'))
  })
})

/** A gateway at the same public address with a memory of its own; whoever goes to `at` comes to it. */
interface Replica {
  readonly gateway: TestGateway
  visit(person: Person, path: string): Promise<Answer>
}

async function startReplica(of: ScriptedStack, environment: Environment = {}): Promise<Replica> {
  const gateway = await startTestGateway(
    { ...of.environment, GATEWAY_LISTEN: '127.0.0.1:0', ...environment },
    { now: () => clock.time },
  )
  await gateway.ready()
  return {
    gateway,
    visit: (person, path) =>
      person.visit(`http://localhost:${gateway.publicPort}${path}`, {
        host: new URL(of.gateway.origin).host,
      }),
  }
}

describe('two replicas', () => {
  const OLD = 'an old session secret, long enough for tests'
  const NEW = 'a new session secret, long enough for tests'

  it.each([
    ['the same secret', OLD, OLD],
    ['a secret about to be replaced, and replaced', `${OLD}\n${NEW}`, `${NEW}\n${OLD}`],
  ])('with %s finish each other’s logins', async (_, here, there) => {
    await withScriptedStack(
      { environment: { GATEWAY_SESSION_SECRET: here }, gateway: { now: () => clock.time } },
      async (first) => {
        const second = await startReplica(first, { GATEWAY_SESSION_SECRET: there })
        const one = new Person()
        const begunHere = await one.visit(first.at('/one'))
        const { pathname, search } = first.op.signIn(begunHere.location as URL)
        const landedOne = await second.visit(one, pathname + search)
        expect([landedOne.status, landedOne.location?.pathname]).toEqual([302, '/one'])

        const two = new Person()
        const begunThere = await second.visit(two, '/two')
        const landedTwo = await two.visit(first.op.signIn(begunThere.location as URL))
        expect([landedTwo.status, landedTwo.location?.pathname]).toEqual([302, '/two'])
        await second.gateway.stop()
      },
    )
  })

  it('with nothing in common refuse each other’s logins, and redeem no code', async () => {
    const second = await startReplica(stack, { GATEWAY_SESSION_SECRET: NEW })
    const { person, back } = await begin()
    const asked = await countAsked(stack.op, 'token', () =>
      expectRefused(second, INVALID, () => second.visit(person, back.pathname + back.search)),
    )
    expect(asked).toBe(0)
    await second.gateway.stop()
  })

  it('do not both believe one answer: the code works once', async () => {
    const second = await startReplica(stack)
    const { person, back } = await begin()
    const thief = new Person()
    thief.jars.set('localhost', new Map(jarOf({ person })))
    expect((await person.visit(back)).status).toBe(302)
    await expectRefused(second, INVALID, () => second.visit(thief, back.pathname + back.search))
    await second.gateway.stop()
  })
})

describe('a sign-in that does not last', () => {
  // The first replica answers /oauth2/, the second everything else, and knows no session of the first.
  it('goes round three times within a minute, and then it is a page whose button works', async () => {
    const second = await startReplica(stack)
    const { gateway } = second
    const person = new Person()
    const roundFrom = async (answer: Answer): Promise<Answer> => {
      const landed = await person.visit(stack.op.signIn(answer.location as URL))
      expect(landed.status).toBe(302)
      return second.visit(person, landed.location?.pathname ?? '')
    }
    let answer = await second.visit(person, '/vnc.html')
    let rounds = 0
    while (answer.location !== undefined && rounds < 10) {
      clock.time += 5_000
      answer = await roundFrom(answer)
      rounds += 1
    }
    expect([rounds, answer.status]).toEqual([3, 500])
    expect(answer.body).toContain('<h1>The sign-in does not last</h1>')
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(requestIdOn(answer)).toBeDefined()
    expect(gateway.audit().at(-1)).toMatchObject({ event: 'login_refused', reason: 'login-loop' })
    expect(await metric(gateway, 'ghostwire_logins_total', { reason: 'login-loop' })).toBe(1)
    // A reload asks no provider.
    expect((await second.visit(person, '/vnc.html')).status).toBe(500)

    const button = /href="(\/oauth2\/start[^"]*)"/.exec(answer.body)?.[1] ?? ''
    const again = await second.visit(person, button)
    expect([again.status, again.location?.origin]).toEqual([302, stack.op.issuer])
    // It still does not last, and is a page at once; where it lasts, it is the desktop.
    expect((await roundFrom(again)).status).toBe(500)
    expect((await person.request(stack.at('/oauth2/userinfo'))).status).toBe(200)

    clock.time += 61_000
    expect((await second.visit(person, '/vnc.html')).location?.origin).toBe(stack.op.issuer)
    await gateway.stop()
  })

  it('counts no one who signs out and in again', async () => {
    const person = new Person()
    for (let count = 0; count < 5; count += 1) {
      expect((await signIn(stack, '/', person)).status).toBe(302)
      await person.request(stack.at('/oauth2/sign_out'), {
        method: 'POST',
        headers: { origin: stack.gateway.origin },
      })
    }
  })
})
