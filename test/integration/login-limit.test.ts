import { describe, expect, it } from 'vitest'
import { Person, type Answer } from '../support/person.ts'
import {
  expectRefused,
  signIn,
  withScriptedStack,
  type ScriptedStack,
} from '../support/scripted-stack.ts'

/** The contract's default. */
const MOST = 30
const LIMITED = { status: 429, reason: 'login-limit' }

const knock = (
  { at }: ScriptedStack,
  forwardedFor?: string,
  path = '/oauth2/start?rd=/vnc.html',
): Promise<Answer> =>
  new Person().visit(
    at(path),
    forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor },
  )

/** The statuses of so many attempts, each kind once. */
async function knockOften(times: number, knockOnce: () => Promise<Answer>): Promise<number[]> {
  const statuses = new Set<number>()
  for (let count = 0; count < times; count += 1) statuses.add((await knockOnce()).status)
  return [...statuses]
}

const withLimit = (
  environment: Readonly<Record<string, string | undefined>>,
  use: (stack: ScriptedStack, clock: { time: number }) => Promise<void>,
): Promise<void> => {
  const clock = { time: Date.now() }
  return withScriptedStack(
    {
      environment: { GATEWAY_LOGIN_LIMIT: undefined, ...environment },
      gateway: { now: () => clock.time },
    },
    (stack) => use(stack, clock),
  )
}

describe('one client', () => {
  it('may begin thirty sign-ins a minute; the next is a page that says how long to wait', async () => {
    await withLimit({}, async (stack, clock) => {
      // Both ways in count together.
      expect(await knockOften(MOST - 10, () => knock(stack))).toEqual([302])
      expect(await knockOften(10, () => knock(stack, undefined, '/vnc.html'))).toEqual([302])
      clock.time += 20_000
      const { answer, audit } = await expectRefused(stack, LIMITED, () => knock(stack))
      expect(answer.headers.get('retry-after')).toBe('40')
      expect(answer.headers.getSetCookie()).toEqual([])
      expect(answer.body).toContain('rd=%2Fvnc.html')
      expect(audit).toMatchObject({ address: '127.0.0.1' })
      const navigation = await knock(stack, undefined, '/vnc.html')
      expect([navigation.status, navigation.headers.get('retry-after')]).toEqual([429, '40'])
      expect(navigation.location).toBeUndefined()

      clock.time += 40_000
      expect((await knock(stack)).status).toBe(302)
    })
  })

  it('who has reached the limit can still finish what is begun, and use a session', async () => {
    await withLimit({}, async (stack) => {
      const person = new Person()
      await signIn(stack, '/', person)
      const begun = await person.visit(stack.at('/oauth2/start'))
      await knockOften(MOST, () => knock(stack))
      expect((await knock(stack)).status).toBe(429)
      expect((await person.visit(stack.op.signIn(begun.location as URL))).status).toBe(302)
      expect((await person.request(stack.at('/oauth2/userinfo'))).status).toBe(200)
    })
  })

  it('is not counted for what begins no sign-in', async () => {
    await withLimit({}, async (stack) => {
      const person = new Person()
      for (let count = 0; count < MOST + 5; count += 1) {
        await person.request(stack.at('/vnc.html'), { headers: { accept: '*/*' } })
        await person.visit(stack.at('/oauth2/sign_in'))
        await person.visit(stack.at('/oauth2/callback?state=x'))
      }
      expect((await knock(stack)).status).toBe(302)
    })
  })

  it.each([
    ['2/s', 2, 1_000],
    ['3/h', 3, 3_600_000],
  ])('has the limit that was set: %s', async (limit, most, windowMs) => {
    await withLimit({ GATEWAY_LOGIN_LIMIT: limit }, async (stack, clock) => {
      expect(await knockOften(most, () => knock(stack))).toEqual([302])
      const { headers, status } = await knock(stack)
      expect([status, headers.get('retry-after')]).toEqual([429, String(windowMs / 1_000)])
      clock.time += windowMs
      expect((await knock(stack)).status).toBe(302)
    })
  })

  it('has none where it was turned off', async () => {
    await withLimit({ GATEWAY_LOGIN_LIMIT: 'off' }, async (stack) => {
      expect(await knockOften(MOST + 5, () => knock(stack))).toEqual([302])
    })
  })
})

describe('behind proxies that were declared', () => {
  const declared = { GATEWAY_TRUSTED_PROXIES: '127.0.0.0/8,10.0.0.0/8', GATEWAY_LOGIN_LIMIT: '2/m' }

  it('each client has its own limit, and is the one that the audit names', async () => {
    await withLimit(declared, async (stack) => {
      expect(await knockOften(2, () => knock(stack, '203.0.113.1'))).toEqual([302])
      const { audit } = await expectRefused(stack, LIMITED, () => knock(stack, '203.0.113.1'))
      expect(audit['address']).toBe('203.0.113.1')
      expect((await knock(stack, '203.0.113.2')).status).toBe(302)
      await signIn(stack)
      expect(stack.gateway.audit('login').at(-1)?.['address']).toBe('127.0.0.1')
      expect(JSON.stringify(stack.gateway.lines)).not.toContain('GATEWAY_TRUSTED_PROXIES')
    })
  })

  it.each([
    ['what it wrote itself', '203.0.113.1', '1.2.3.4, 203.0.113.1'],
    ['a declared proxy it claims to be', '203.0.113.1', '10.1.2.3, 203.0.113.1'],
    ['a chain of proxies', '203.0.113.1', '203.0.113.1, 10.0.0.1, 10.0.0.2'],
    ['a port', '203.0.113.1', '203.0.113.1:4711'],
    ['another spelling', '203.0.113.1', '::ffff:203.0.113.1'],
    ['another address of its /64', '2001:db8:1:2::1', '2001:db8:1:2:aaaa::7'],
  ])('a client gets no second limit by %s', async (_, one, same) => {
    await withLimit(declared, async (stack) => {
      await knockOften(2, () => knock(stack, one))
      expect((await knock(stack, same)).status).toBe(429)
    })
  })

  it('no other forwarded header is believed', async () => {
    await withLimit(declared, async (stack) => {
      const { location } = await new Person().visit(stack.at('/oauth2/start'), {
        'x-forwarded-for': '203.0.113.1',
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'https',
        forwarded: 'for=198.51.100.1;host=evil.example;proto=https',
        'x-real-ip': '198.51.100.2',
      })
      expect(location?.searchParams.get('redirect_uri')).toBe(stack.at('/oauth2/callback'))
      await knock(stack, '203.0.113.1')
      expect((await knock(stack, '203.0.113.1')).status).toBe(429)
    })
  })
})

describe('behind a proxy that nobody declared', () => {
  it('one client alone reaches no limit, or it would lock everybody out: a single warning names the setting', async () => {
    await withLimit({ GATEWAY_TRUSTED_PROXIES: '10.0.0.0/8' }, async (stack) => {
      let number = 0
      const one = (): Promise<Answer> => knock(stack, `203.0.113.${(number += 1) % 3}`)
      expect(await knockOften(MOST + 5, one)).toEqual([302])
      const warnings = stack.gateway.lines.filter(({ level }) => level === 'warn')
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).toMatchObject({
        peer: '127.0.0.1',
        msg: expect.stringContaining('GATEWAY_TRUSTED_PROXIES') as string,
      })
      // Its word is not believed either.
      await expectRefused(stack, { status: 400, reason: 'login-invalid' }, () =>
        knock(stack, '198.51.100.9', '/oauth2/callback?state=x'),
      )
      expect(stack.gateway.audit().at(-1)?.['address']).toBe('127.0.0.1')
    })
  })

  it('everybody together has ten times the limit: anybody can claim to be such a proxy', async () => {
    await withLimit({ GATEWAY_LOGIN_LIMIT: '2/m' }, async (stack, clock) => {
      let number = 0
      const one = (): Promise<Answer> => knock(stack, `203.0.113.${(number += 1)}`)
      expect(await knockOften(20, one)).toEqual([302])
      clock.time += 10_000
      const { answer, audit } = await expectRefused(stack, LIMITED, one)
      expect([answer.headers.get('retry-after'), audit['address']]).toEqual(['50', '127.0.0.1'])
      expect((await knock(stack, 'x')).status).toBe(429)
      clock.time += 50_000
      expect((await one()).status).toBe(302)
    })
  })

  it('there is no limit where it was turned off', async () => {
    await withLimit({ GATEWAY_LOGIN_LIMIT: 'off' }, async (stack) => {
      expect(await knockOften(10 * MOST + 5, () => knock(stack, 'x'))).toEqual([302])
    })
  })

  it('whoever comes without the header is limited all the same', async () => {
    await withLimit({ GATEWAY_LOGIN_LIMIT: '2/m' }, async (stack) => {
      expect(await knockOften(5, () => knock(stack, '203.0.113.1'))).toEqual([302])
      expect(await knockOften(2, () => knock(stack))).toEqual([302])
      expect((await knock(stack)).status).toBe(429)
    })
  })
})
