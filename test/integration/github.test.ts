// Sign-in at GitHub, which has no ID tokens: the verified primary address, organisations and teams as groups, asked again later.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Person, type Answer } from '../support/person.ts'
import { OCTO, startGithubStandIn, type GithubStandIn } from '../support/github-stand-in.ts'
import {
  expectNothingSecret,
  expectRefused,
  metric,
  signIn,
  startScriptedStack,
  type ScriptedStack,
} from '../support/scripted-stack.ts'
import type { Environment } from '../support/gateway.ts'
import { until } from '../support/until.ts'

let github: GithubStandIn
const stacks: ScriptedStack[] = []
beforeEach(async () => {
  github = await startGithubStandIn()
})
afterEach(async () => {
  for (const stack of stacks.splice(0)) {
    expectNothingSecret(JSON.stringify(stack.gateway.lines))
    await stack.stop()
  }
  await github.stop()
})

async function start(environment: Environment = {}): Promise<ScriptedStack> {
  const stack = await startScriptedStack({
    environment: {
      GATEWAY_OIDC_PRESET: 'github',
      GATEWAY_OIDC_ISSUER: github.origin,
      GATEWAY_ALLOW_GROUPS: 'Example-Corp:platform',
      GATEWAY_SESSION_REVALIDATE_EVERY: '1s',
      ...environment,
    },
  })
  stacks.push(stack)
  return stack
}

async function signedIn(stack: ScriptedStack): Promise<Person> {
  const person = new Person()
  const { status, location } = await signIn(stack, '/vnc.html', person)
  expect([status, location?.pathname]).toEqual([302, '/vnc.html'])
  return person
}

const ask = (stack: ScriptedStack, person: Person): Promise<Answer> =>
  person.request(stack.at('/oauth2/auth'))

describe('a person', () => {
  it('is who GitHub says, with the verified primary address and teams as groups', async () => {
    const stack = await start()
    const person = await signedIn(stack)
    const { body } = await person.request(stack.at('/oauth2/userinfo'))
    expect(JSON.parse(body)).toMatchObject({
      sub: '583231',
      email: 'octo@example.com',
      name: 'Octo Cat',
      groups: ['Example-Corp', 'Example-Corp:platform'],
      role: 'control',
    })
    expect(stack.gateway.audit('login')).toMatchObject([{ provider: 'github', sub: '583231' }])
    expect(await metric(stack.gateway, 'ghostwire_provider_up', { provider: 'github' })).toBe(1)
  })

  it('has a name of the organisation’s, not of a team elsewhere', async () => {
    github.account = {
      ...OCTO,
      teams: [{ slug: 'platform', organization: { login: 'Other-Corp' } }],
    }
    const refusal = { status: 403, reason: 'no-rule-matches', outcome: 'refused' } as const
    await expectRefused(await start(), refusal, async () => signIn(stacks[0] as ScriptedStack))
  })

  it.each([
    [
      'not verified',
      { email: 'octo@example.com', primary: true, verified: false },
      'email-not-verified',
    ],
    [
      'not the primary one',
      { email: 'octo@example.com', primary: false, verified: true },
      'no-rule-matches',
    ],
  ])('whose address is %s is not let in by it', async (_, email, reason) => {
    github.account = { ...OCTO, emails: [email] }
    const stack = await start({
      GATEWAY_ALLOW_GROUPS: undefined,
      GATEWAY_ALLOW_EMAILS: 'octo@example.com',
    })
    await expectRefused(stack, { status: 403, reason, outcome: 'refused' }, () => signIn(stack))
    expect(github.asked.some((path) => path.startsWith('/user/teams'))).toBe(false)
  })

  it('may be in more teams and organisations than fit on a page', async () => {
    github.pageSize = 2
    github.account = {
      ...OCTO,
      teams: [
        ...Array.from({ length: 6 }, (_, at) => ({
          slug: `team-${at}`,
          organization: { login: 'Example-Corp' },
        })),
        ...OCTO.teams,
      ],
    }
    await signedIn(await start())
    expect(github.asked.filter((path) => path.startsWith('/user/teams'))).toHaveLength(4)
  })

  it('is not asked about at another host, whatever the next page is said to be', async () => {
    github.extraHeaders.set('/user/teams', { link: '<http://127.0.0.1:9/steal>; rel="next"' })
    await signedIn(await start())
  })

  it('cannot be in endless pages', async () => {
    github.pageSize = 1
    github.account = { ...OCTO, orgs: Array.from({ length: 40 }, (_, at) => ({ login: `o${at}` })) }
    const stack = await start()
    await expectRefused(stack, { status: 502, reason: 'provider-misconfigured' }, () =>
      signIn(stack),
    )
  })
})

describe('a permission that is missing', () => {
  it.each([
    ['for organisations', 'read:user user:email', {}, 'read:org'],
    [
      'for addresses',
      'read:user read:org',
      { GATEWAY_ALLOW_GROUPS: undefined, GATEWAY_ALLOW_EMAILS: 'octo@example.com' },
      'user:email',
    ],
  ])('%s is named in the log', async (_, scopes, environment, wanted) => {
    github.scopes = scopes
    const stack = await start(environment)
    await expectRefused(stack, { status: 502, reason: 'provider-misconfigured' }, () =>
      signIn(stack),
    )
    const errors = JSON.stringify(stack.gateway.lines.filter(({ level }) => level === 'error'))
    expect(errors).toContain(wanted)
    expect(errors).toContain(`the token has: ${scopes.replaceAll(' ', ', ')}`)
  })

  it('for addresses does not matter if no rule needs them', async () => {
    github.scopes = 'read:user read:org'
    await signedIn(await start())
  })

  it('of an organisation with SAML single sign-on is told to the person', async () => {
    github.account = { ...OCTO, teams: [], orgs: [] }
    github.extraHeaders.set('/user/orgs', {
      'x-github-sso': 'partial-results; organizations=21955855',
    })
    const stack = await start()
    const refusal = { status: 403, reason: 'organisation-sso', outcome: 'refused' } as const
    const { answer } = await expectRefused(stack, refusal, () => signIn(stack))
    expect(answer.body).toContain('Authorized OAuth Apps')
  })

  it('of that kind on the whole list does too', async () => {
    github.overrides.set('/user/teams', {
      status: 403,
      headers: { 'x-github-sso': 'required; url=https://github.com/orgs/example/sso' },
    })
    const stack = await start()
    const refusal = { status: 403, reason: 'organisation-sso', outcome: 'refused' } as const
    await expectRefused(stack, refusal, () => signIn(stack))
  })
})

describe('a sign-in', () => {
  it('with a code that GitHub does not know is refused, though GitHub answers 200', async () => {
    const stack = await start()
    const person = new Person()
    const { location } = await person.reachCallback(stack.at('/'))
    const url = new URL(location as URL)
    url.searchParams.set('code', 'another')
    await expectRefused(stack, { status: 400, reason: 'login-invalid' }, () => person.visit(url))
  })

  it('ignores an ID token that nobody asked for, as Gitea sends one', async () => {
    github.tokenExtras = { id_token: 'eyJhbGciOiJub25lIn0.e30.' }
    await signedIn(await start())
  })

  it('with the wrong client secret says so to the administrator', async () => {
    const stack = await start({ GATEWAY_OIDC_CLIENT_SECRET: 'wrong' })
    await expectRefused(stack, { status: 502, reason: 'provider-misconfigured' }, () =>
      signIn(stack),
    )
    expect(await metric(stack.gateway, 'ghostwire_provider_up', { provider: 'github' })).toBe(0)
  })

  it.each([
    [
      'a rate limit',
      { status: 403, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1' } },
    ],
    ['a secondary rate limit', { status: 429, headers: { 'retry-after': '60' } }],
    ['an error', { status: 500 }],
  ])('during %s says to try again', async (_, override) => {
    github.overrides.set('/user/teams', override)
    const stack = await start()
    await expectRefused(stack, { status: 502, reason: 'provider-error' }, () => signIn(stack))
  })

  it('asks for another account at GitHub if the link does', async () => {
    const stack = await start()
    const { location } = await new Person().visit(stack.at('/oauth2/start?prompt=login'))
    expect(location?.searchParams.get('prompt')).toBe('select_account')
    expect(location?.searchParams.has('nonce')).toBe(false)
    const plain = await new Person().visit(stack.at('/oauth2/start'))
    expect(plain.location?.searchParams.has('prompt')).toBe(false)
  })
})

describe('while a session lives', () => {
  it('a person who leaves the team is out', async () => {
    const stack = await start()
    const person = await signedIn(stack)
    github.account = { ...OCTO, teams: [] }
    await until(async () => (await ask(stack, person)).status === 401)
    expect(stack.gateway.audit('session_ended')).toMatchObject([{ reason: 'access-withdrawn' }])
  })

  it('a person whose authorisation was revoked is out', async () => {
    const stack = await start()
    const person = await signedIn(stack)
    github.revokeTokens()
    await until(async () => (await ask(stack, person)).status === 401)
    expect(stack.gateway.audit('session_ended')).toMatchObject([{ reason: 'refresh-refused' }])
  })

  it.each([
    ['a rate limit', { status: 403, headers: { 'x-ratelimit-remaining': '0' } }],
    ['an outage', { status: 503 }],
    ['a missing permission', { status: 403 }],
  ])('nobody is signed out during %s', async (_, override) => {
    const stack = await start()
    const person = await signedIn(stack)
    github.overrides.set('/user/teams', override)
    await until(
      async () =>
        (await ask(stack, person)).status === 202 &&
        (await metric(stack.gateway, 'ghostwire_session_refreshes_total', {
          outcome: 'unavailable',
        })) > 0,
    )
    expect((await ask(stack, person)).status).toBe(202)
  })

  it('a token that ends is renewed, and the new refresh token is used the next time', async () => {
    github.expiresIn = 1
    const stack = await start()
    const person = await signedIn(stack)
    await until(async () => {
      expect((await ask(stack, person)).status).toBe(202)
      return github.refreshes >= 2
    })
    expect(stack.gateway.audit('session_ended')).toEqual([])
  })

  it('a sign-out ends it here, and the page says that GitHub does not know', async () => {
    const stack = await start()
    const person = await signedIn(stack)
    const { status, body } = await person.request(stack.at('/oauth2/sign_out'), {
      method: 'POST',
      headers: { origin: stack.gateway.origin },
    })
    expect([status, body]).toEqual([200, expect.stringContaining('signed out here') as string])
    expect((await ask(stack, person)).status).toBe(401)
  })
})

it('a provider of kind oauth2 says where its claims are', async () => {
  const stack = await startScriptedStack({
    environment: {
      GATEWAY_OIDC_KIND: 'oauth2',
      GATEWAY_OIDC_ISSUER: github.origin,
      GATEWAY_OIDC_CLIENT_AUTH: 'client_secret_post',
      GATEWAY_OIDC_GROUPS_CLAIM: 'data.roles',
      GATEWAY_ALLOW_GROUPS: 'ops',
    },
    config: {
      oidc: {
        endpoints: {
          authorization: `${github.origin}/login/oauth/authorize`,
          token: `${github.origin}/login/oauth/access_token`,
          userinfo: `${github.origin}/api/v3/user`,
        },
        claims: { sub: 'data.id', email: 'data.mail', name: 'data.name' },
      },
    },
  })
  stacks.push(stack)
  github.account = {
    ...OCTO,
    user: { data: { id: 7, mail: 'a@example.com', name: 'Anna', roles: ['ops'] } },
  }
  const person = await signedIn(stack)
  const { body } = await person.request(stack.at('/oauth2/userinfo'))
  expect(JSON.parse(body)).toMatchObject({ sub: '7', email: 'a@example.com', name: 'Anna' })
  github.account = { ...OCTO, user: { data: { roles: ['ops'] } } }
  await expectRefused(stack, { status: 502, reason: 'provider-misconfigured' }, () => signIn(stack))
})
