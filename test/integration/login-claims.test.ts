import { describe, expect, it } from 'vitest'
import type { Environment } from '../support/gateway.ts'
import { Person } from '../support/person.ts'
import { PERSON, TOKEN_PREFIX, type Bend, type Json, type Script } from '../support/scripted-op.ts'
import {
  expectNoSession,
  expectRefused,
  signIn,
  withScriptedStack,
} from '../support/scripted-stack.ts'

interface Setup {
  /** Over those of the tests, `allow` in place of GATEWAY_ALLOW_GROUPS. */
  readonly environment?: Environment
  readonly config?: object
  /** Over the usual claims of the ID token. */
  readonly claims?: Json
  /** What userinfo says. */
  readonly userinfoClaims?: Json
  readonly script?: Partial<Script>
}

interface Outcome {
  readonly status: number
  /** The audit's: a rule, or why not. */
  readonly reason: unknown
  readonly role: unknown
  readonly email: unknown
  /** How often userinfo was asked. */
  readonly asked: number
}

/** Signs in once at a gateway of its own. */
function enter({ environment = {}, config, script, ...claims }: Setup): Promise<Outcome> {
  const options = {
    // Rules of the YAML file and rules of the environment are not mixed.
    environment: {
      GATEWAY_DESKTOP_VIEWER_USERNAME: 'kasm_viewer',
      GATEWAY_DESKTOP_VIEWER_PASSWORD: 'kasm-password',
      ...(config !== undefined && 'access' in config ? { GATEWAY_ALLOW_GROUPS: undefined } : {}),
      ...environment,
    },
    ...(config === undefined ? {} : { config }),
    op: { script: { ...script, ...claims } },
  }
  return withScriptedStack(options, async (stack) => {
    const answer = await signIn(stack)
    const [event = {}] = stack.gateway.audit()
    if (answer.status !== 302) expectNoSession(answer)
    const { reason, role, email } = event
    return {
      status: answer.status,
      reason,
      role,
      email,
      asked: stack.op.asked('userinfo').length,
    }
  })
}

const BY_GROUP = { GATEWAY_ALLOW_GROUPS: 'desktop-users' }
const BY_EMAIL = { GATEWAY_ALLOW_GROUPS: undefined, GATEWAY_ALLOW_EMAILS: 'alice@example.com' }
const BY_DOMAIN = { GATEWAY_ALLOW_GROUPS: undefined, GATEWAY_ALLOW_EMAIL_DOMAINS: 'example.com' }
const UNVERIFIED = { ...BY_EMAIL, GATEWAY_OIDC_EMAIL_VERIFIED: 'assumed' }

describe('groups', () => {
  it.each([
    ['in their claim', 'groups', { groups: ['staff', 'desktop-users'] }],
    ['as one text', 'groups', { groups: 'desktop-users' }],
    ['at a nested path', 'realm_access.roles', { realm_access: { roles: ['desktop-users'] } }],
    [
      'under a name with dots',
      'https://corp.example/groups',
      { 'https://corp.example/groups': ['desktop-users'] },
    ],
    ['among a thousand', 'groups', { groups: [...Array(1_000).keys(), 'desktop-users'] }],
  ])('let a person in: %s', async (_, claim, claims) => {
    const environment = { ...BY_GROUP, GATEWAY_OIDC_GROUPS_CLAIM: claim }
    expect(await enter({ environment, claims: { groups: undefined, ...claims } })).toMatchObject({
      status: 302,
      reason: 'allowGroups',
      role: 'control',
      asked: 0,
    })
  })

  it.each([
    ['others', { groups: ['staff'] }],
    ['none', { groups: [] }],
    ['one in another case', { groups: ['Desktop-Users'] }],
    ['one that only begins alike', { groups: ['desktop-users-emeritus'] }],
    ['a list in a text', { groups: 'staff,desktop-users' }],
    ['a key of an object that is switched off', { groups: { 'desktop-users': false } }],
    ['one too deep', { groups: [['desktop-users']] }],
  ])('keep a person out: %s', async (_, claims) => {
    expect(await enter({ environment: BY_GROUP, claims })).toMatchObject({
      status: 403,
      reason: 'no-rule-matches',
      asked: 0,
    })
  })

  it('may be the keys of an object', async () => {
    const groups = { 'desktop-users': { '165461784664': 'example.com' } }
    expect(await enter({ environment: BY_GROUP, claims: { groups } })).toMatchObject({
      status: 302,
    })
  })

  it('that only userinfo knows count as well', async () => {
    const setup = {
      environment: BY_GROUP,
      claims: { groups: undefined },
      userinfoClaims: { groups: ['desktop-users'] },
    }
    expect(await enter(setup)).toMatchObject({ status: 302, asked: 1 })
  })

  it('that only userinfo knows count, also where the ID token has something beside them', async () => {
    const setup = {
      environment: { ...BY_GROUP, GATEWAY_OIDC_GROUPS_CLAIM: 'resource_access.desktop.roles' },
      claims: { groups: undefined, resource_access: { account: { roles: ['view-profile'] } } },
      userinfoClaims: { resource_access: { desktop: { roles: ['desktop-users'] } } },
    }
    expect(await enter(setup)).toMatchObject({ status: 302, asked: 1 })
  })

  it('of the ID token stand, whatever userinfo says', async () => {
    const setup = {
      environment: BY_GROUP,
      // The missing address is why userinfo is asked at all.
      claims: { groups: [], email: undefined },
      userinfoClaims: { groups: ['desktop-users'], email: 'alice@example.com' },
    }
    expect(await enter(setup)).toMatchObject({ status: 403, asked: 1 })
  })

  it('that nobody knows keep the person out, without a userinfo endpoint too', async () => {
    const setup = { environment: BY_GROUP, claims: { groups: undefined } }
    expect(await enter(setup)).toMatchObject({ status: 403, asked: 1 })
    const script: Partial<Script> = {
      discovery: ({ body }) => ({ body: { ...body, userinfo_endpoint: undefined } }),
    }
    expect(await enter({ ...setup, script })).toMatchObject({ status: 403, asked: 0 })
  })
})

it('a userinfo endpoint that fails keeps nobody out whom the rules let in without it', async () => {
  const userinfo: Bend = () => ({ status: 500, body: {} })
  const known = { groups: ['desktop-users'], email: undefined }
  expect(await enter({ environment: BY_GROUP, claims: known, script: { userinfo } })).toMatchObject(
    { status: 302, asked: 1 },
  )
  expect(
    await enter({ environment: BY_GROUP, claims: { groups: undefined }, script: { userinfo } }),
  ).toMatchObject({ status: 502, asked: 1 })
})

describe('userinfo is asked', () => {
  const acr = { config: { access: [{ match: { claims: { acr: ['mfa'] } }, role: 'control' }] } }
  it.each([
    ['never for what nobody looks at', { claims: { name: undefined, phone: undefined } }, 0],
    ['for the groups that a rule names', { claims: { groups: undefined } }, 1],
    ['for the address, which the scope asked for', { claims: { email: undefined } }, 1],
    [
      'for no address where neither scope nor rule wants one',
      { environment: { GATEWAY_OIDC_SCOPES: 'openid' }, claims: { email: undefined } },
      0,
    ],
    [
      'for the address that a rule names, whatever the scope',
      { environment: { ...BY_EMAIL, GATEWAY_OIDC_SCOPES: 'openid' }, claims: { email: undefined } },
      1,
    ],
    [
      'for its verification where a rule counts on that',
      { environment: BY_EMAIL, claims: { email_verified: undefined } },
      1,
    ],
    [
      'for no verification where none is expected',
      { environment: UNVERIFIED, claims: { email_verified: undefined } },
      0,
    ],
    [
      'for no groups where only addresses count',
      { environment: BY_EMAIL, claims: { groups: undefined } },
      0,
    ],
    ['for a claim that a rule names', acr, 1],
    ['for no claim that is there', { ...acr, claims: { acr: 'mfa' } }, 0],
  ] satisfies [string, Setup, number][])('%s', async (_, setup, times) => {
    expect((await enter(setup)).asked).toBe(times)
  })

  it('with the access token, by a header', async () => {
    await withScriptedStack(
      { op: { script: { claims: { groups: undefined } } } },
      async (stack) => {
        await signIn(stack)
        const [asked] = stack.op.asked('userinfo')
        expect(asked?.headers.authorization).toMatch(new RegExp(`^Bearer ${TOKEN_PREFIX}`))
        expect([...(asked?.query.keys() ?? [])]).toEqual([])
      },
    )
  })
})

describe('an e-mail address', () => {
  it.each([
    ['verified', BY_EMAIL, { email_verified: true }, 302, 'allowEmails'],
    ['verified, as a text', BY_EMAIL, { email_verified: 'true' }, 302, 'allowEmails'],
    ['in capitals', BY_EMAIL, { email: 'Alice@EXAMPLE.com' }, 302, 'allowEmails'],
    ['not verified', BY_EMAIL, { email_verified: false }, 403, 'email-not-verified'],
    [
      'of which nothing is said',
      BY_EMAIL,
      { email_verified: undefined },
      403,
      'email-not-verified',
    ],
    [
      'of which nothing is said, nor expected',
      UNVERIFIED,
      { email_verified: undefined },
      302,
      'allowEmails',
    ],
    ['of somebody else', BY_EMAIL, { email: 'bob@example.com' }, 403, 'no-rule-matches'],
    ['of the domain', BY_DOMAIN, { email: 'bob@EXAMPLE.com' }, 302, 'allowEmailDomains'],
    ['of a domain below', BY_DOMAIN, { email: 'bob@sub.example.com' }, 403, 'no-rule-matches'],
    [
      'of a domain that ends alike',
      BY_DOMAIN,
      { email: 'bob@badexample.com' },
      403,
      'no-rule-matches',
    ],
    [
      'with two @, the domain last',
      BY_DOMAIN,
      { email: 'bob@evil.example@example.com' },
      403,
      'no-rule-matches',
    ],
    [
      'in the domain, quoted',
      BY_DOMAIN,
      { email: '"bob@evil.example"@example.com' },
      403,
      'no-rule-matches',
    ],
    ['with two @', BY_DOMAIN, { email: 'bob@example.com@evil.example' }, 403, 'no-rule-matches'],
    ['that is a list', BY_EMAIL, { email: ['alice@example.com'] }, 403, 'no-rule-matches'],
    ['of a domain, not verified', BY_DOMAIN, { email_verified: false }, 403, 'email-not-verified'],
  ] satisfies [string, Environment, Json, number, string][])(
    '%s',
    async (_, environment, claims, status, reason) => {
      expect(await enter({ environment, claims })).toMatchObject({ status, reason })
    },
  )

  it('that is not verified gets a page that says what to do', async () => {
    const script = { claims: { email_verified: false } }
    await withScriptedStack({ environment: BY_EMAIL, op: { script } }, async (stack) => {
      const answer = await signIn(stack)
      expect(answer.status).toBe(403)
      expect(answer.body).toContain('Verify your e-mail address')
      expect(answer.body).toContain('oidc.emailVerified: assumed')
    })
  })

  it('that is none matches no rule, and the log says so once, in print and shortened', async () => {
    const email = `attacker@evil.example"\u202e\n@${'x'.repeat(200)}@example.com`
    const script = { claims: { email } }
    await withScriptedStack({ environment: BY_DOMAIN, op: { script } }, async (stack) => {
      const { audit } = await expectRefused(
        stack,
        { status: 403, reason: 'no-rule-matches', outcome: 'refused' },
        () => signIn(stack),
      )
      const lines = stack.gateway.lines.filter(({ email: logged }) => logged !== undefined)
      const logged = lines.filter((line) => line['audit'] === undefined)
      expect(logged).toHaveLength(1)
      expect(logged[0]).toMatchObject({
        request: audit['request'],
        email: `attacker@evil.example\\u{22}\\u{202e}\\u{a}@${'x'.repeat(35)}…`,
        msg: expect.stringContaining('no rule can match') as string,
      })
    })
  })

  it('that is none stays out of the log where no rule looks at addresses', async () => {
    const script = { claims: { email: 'a@b@c' } }
    await withScriptedStack({ environment: BY_GROUP, op: { script } }, async (stack) => {
      expect((await signIn(stack)).status).toBe(302)
      expect(JSON.stringify(stack.gateway.lines)).not.toContain('no rule can match')
    })
  })

  // An address and the word that it is verified count only from one and the same answer.
  it.each([
    [
      'and its verification from userinfo',
      BY_EMAIL,
      { email: undefined, email_verified: undefined },
      { email: 'alice@example.com', email_verified: true },
      { status: 302, email: 'alice@example.com' },
    ],
    [
      'from userinfo is not vouched for by the ID token',
      BY_EMAIL,
      { email: undefined, email_verified: true },
      { email: 'alice@example.com' },
      { status: 403, reason: 'email-not-verified' },
    ],
    [
      'from the ID token is not vouched for by userinfo',
      BY_EMAIL,
      { email: 'alice@example.com', email_verified: undefined },
      { email: 'mallory@example.com', email_verified: true },
      { status: 403, reason: 'no-rule-matches' },
    ],
    [
      'from the ID token is not vouched for by userinfo, which names none',
      BY_EMAIL,
      { email: 'alice@example.com', email_verified: undefined },
      { email_verified: true },
      { status: 403, reason: 'email-not-verified', email: 'alice@example.com' },
    ],
    [
      'from the ID token stays where userinfo is asked for something else and names none',
      { ...UNVERIFIED, GATEWAY_VIEW_GROUPS: 'watchers' },
      { email_verified: undefined, groups: undefined },
      {},
      { status: 302, email: 'alice@example.com' },
    ],
    [
      'refused by the ID token is not helped by userinfo',
      { ...BY_EMAIL, GATEWAY_VIEW_GROUPS: 'watchers' },
      { email_verified: false, groups: undefined },
      { email: 'alice@example.com', email_verified: true },
      { status: 403, reason: 'email-not-verified' },
    ],
  ] satisfies [string, Environment, Json, Json, Partial<Outcome>][])(
    '%s',
    async (_, environment, claims, userinfoClaims, outcome) => {
      expect(await enter({ environment, claims, userinfoClaims })).toMatchObject(outcome)
    },
  )
})

describe('rules', () => {
  const access = [
    { match: { groups: ['banned-from-control'] }, role: 'view' },
    { match: { groups: ['ops'], claims: { acr: ['mfa', 'hwk'] } }, role: 'control' },
    { match: { claims: { 'org.unit': ['7'] } }, role: 'view' },
  ]
  it.each([
    [
      'the first that matches',
      { groups: ['ops', 'banned-from-control'], acr: 'mfa' },
      'access[0]',
      'view',
    ],
    ['all of its parts', { groups: ['ops'], acr: 'hwk' }, 'access[1]', 'control'],
    ['any value of a list', { groups: ['ops'], acr: ['pwd', 'mfa'] }, 'access[1]', 'control'],
    ['a nested number', { groups: [], acr: 'pwd', org: { unit: 7 } }, 'access[2]', 'view'],
    ['not one part alone', { groups: ['ops'], acr: 'pwd' }, 'no-rule-matches', undefined],
  ])('decide: %s', async (_, claims, reason, role) => {
    const outcome = await enter({ config: { access }, claims })
    expect([outcome.reason, outcome.role]).toEqual([reason, role])
  })

  it('decide that anyone may enter only where that was written', async () => {
    const environment = { GATEWAY_ALLOW_GROUPS: undefined }
    await expect(enter({ environment })).rejects.toThrow('GATEWAY_ALLOW')
    const anyone = { ...environment, GATEWAY_ALLOW_ANYONE: 'true' }
    expect(await enter({ environment: anyone, claims: { groups: undefined } })).toMatchObject({
      status: 302,
      reason: 'allowAnyone',
    })
  })
})

describe('the person', () => {
  it('is shown to scripts and named in the audit as the provider names them', async () => {
    await withScriptedStack({}, async (stack) => {
      const person = new Person()
      await signIn(stack, '/', person)
      const { body } = await person.request(stack.at('/oauth2/userinfo'))
      expect(JSON.parse(body)).toMatchObject({
        sub: PERSON.sub,
        email: PERSON.email,
        name: PERSON.name,
        groups: ['desktop-users'],
        role: 'control',
        idleExpiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      })
      expect(stack.gateway.audit('login')).toEqual([
        {
          audit: true,
          time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
          event: 'login',
          request: expect.stringMatching(/^[\w-]{11}$/) as string,
          provider: 'oidc',
          session: expect.stringMatching(/^[\w-]{22}$/) as string,
          sub: PERSON.sub,
          email: PERSON.email,
          role: 'control',
          address: '127.0.0.1',
          desktop: '127.0.0.1:9',
          reason: 'allowGroups',
        },
      ])
    })
  })

  it('who may not enter is named too, on the page and in the audit, and gets no session', async () => {
    const claims = { groups: [], name: '<b>Eve\u202e</b>' }
    await withScriptedStack({ op: { script: { claims } } }, async (stack) => {
      const refusal = { status: 403, reason: 'no-rule-matches', outcome: 'refused' } as const
      const { answer, audit } = await expectRefused(stack, refusal, () => signIn(stack))
      expect(answer.body).toContain('&lt;b&gt;Eve&lt;/b&gt;')
      expect(audit).toEqual({
        audit: true,
        time: expect.any(String) as string,
        event: 'login_refused',
        request: expect.any(String) as string,
        provider: 'oidc',
        sub: PERSON.sub,
        email: PERSON.email,
        address: '127.0.0.1',
        desktop: '127.0.0.1:9',
        reason: 'no-rule-matches',
      })
    })
  })

  it('may have more groups than any cookie could hold', async () => {
    const groups = Array.from({ length: 2_000 }, (_, index) => `group-${index}`)
    const script = { claims: { groups: [...groups, 'desktop-users'] } }
    await withScriptedStack({ op: { script } }, async (stack) => {
      const person = new Person()
      expect((await signIn(stack, '/', person)).status).toBe(302)
      expect(person.cookieHeader(stack.gateway.origin).length).toBeLessThan(1_000)
      expect((await person.request(stack.at('/oauth2/userinfo'))).status).toBe(200)
    })
  })
})
