// Two providers at one gateway: a person chooses, and everything of a sign-in belongs to the provider of that sign-in.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CLIENT_ID, CLIENT_SECRET } from '../support/gateway.ts'
import { Person, type Answer } from '../support/person.ts'
import { startScriptedOp, type ScriptedOp } from '../support/scripted-op.ts'
import { metric, startScriptedStack, type ScriptedStack } from '../support/scripted-stack.ts'
import { until } from '../support/until.ts'

const WITHOUT_ENVIRONMENT = {
  GATEWAY_OIDC_ISSUER: undefined,
  GATEWAY_OIDC_CLIENT_ID: undefined,
  GATEWAY_OIDC_CLIENT_SECRET: undefined,
  GATEWAY_ALLOW_GROUPS: undefined,
  GATEWAY_DESKTOP_VIEWER_USERNAME: 'viewer',
  GATEWAY_DESKTOP_VIEWER_PASSWORD: 'viewer-password',
}

let partners: ScriptedOp
let staff: ScriptedOp
let stack: ScriptedStack
beforeAll(async () => {
  partners = await startScriptedOp()
  staff = await startScriptedOp()
  // By default all scripted providers have the same key. Another key of the same name is the harder case.
  await partners.rotateKey(staff.kid)
  const client = { clientId: CLIENT_ID, clientSecret: CLIENT_SECRET }
  stack = await startScriptedStack({
    environment: WITHOUT_ENVIRONMENT,
    config: {
      oidc: [
        { name: 'staff', label: 'Example staff', issuer: staff.issuer, ...client },
        { name: 'partners', label: 'Partner & Co', issuer: partners.issuer, ...client },
      ],
      session: { revalidateEvery: '10m' },
      access: [
        { match: { provider: ['staff'], groups: ['desktop-users'] }, role: 'control' },
        { match: { provider: ['partners'] }, role: 'view' },
      ],
    },
  })
  await until(async () => (await metric(stack.gateway, 'ghostwire_provider_up')) === 2)
})
afterAll(async () => {
  await stack.stop()
  await Promise.all([partners.stop(), staff.stop()])
})
afterEach(() => {
  staff.reset()
  partners.reset()
})

/** Goes to the provider and back. Not yet to the callback: its address is the answer's location. */
const begin = (provider: string, person = new Person()): Promise<Answer> =>
  person.reachCallback(stack.at(`/oauth2/start?provider=${provider}&rd=/vnc.html`))

async function signIn(provider: string, person = new Person()): Promise<Person> {
  const { location } = await begin(provider, person)
  const answer = await person.visit(location as URL)
  expect([answer.status, answer.location?.pathname]).toEqual([302, '/vnc.html'])
  return person
}

async function userinfoOf(person: Person): Promise<{ status: number; role: unknown }> {
  const { status, body } = await person.request(stack.at('/oauth2/userinfo'))
  const { role } = JSON.parse(body) as { role?: unknown }
  return { status, role }
}

describe('the sign-in page', () => {
  it('offers the providers by their names, and keeps the way to where the person wanted to go', async () => {
    const person = new Person()
    const first = await person.visit(stack.at('/vnc.html?path=a'))
    expect(first.location?.href).toBe(stack.at('/oauth2/sign_in?rd=%2Fvnc.html%3Fpath%3Da'))
    const { body } = await person.visit(first.location as URL)
    const links = [...body.matchAll(/<a[^>]+href="([^"]+)"[^>]*>\s*Sign in with <bdi>([^<]+)/g)]
    expect(links.map(([, href, label]) => [href, label])).toEqual([
      ['/oauth2/start?provider=staff&amp;rd=%2Fvnc.html%3Fpath%3Da', 'Example staff'],
      ['/oauth2/start?provider=partners&amp;rd=%2Fvnc.html%3Fpath%3Da', 'Partner &amp; Co'],
    ])
    expect(body).not.toContain('last time')
  })

  it.each(['/oauth2/start?rd=/a&prompt=login', '/oauth2/start?rd=/a&prompt=login&provider=nobody'])(
    'is where %s leads, and asks what the link asks',
    async (path) => {
      const person = new Person()
      const { location } = await person.visit(stack.at(path))
      expect(location?.pathname).toBe('/oauth2/sign_in')
      const { body } = await person.visit(location as URL)
      expect(body).toContain('href="/oauth2/start?provider=staff&amp;prompt=login&amp;rd=%2Fa"')
    },
  )

  it('offers the provider of the last sign-in first', async () => {
    const person = await signIn('partners')
    await person.request(stack.at('/oauth2/sign_out'), {
      method: 'POST',
      headers: { origin: stack.gateway.origin, 'sec-fetch-site': 'same-origin' },
    })
    const { body } = await person.visit(stack.at('/oauth2/sign_in'))
    expect(body.indexOf('Partner')).toBeLessThan(body.indexOf('Example staff'))
    expect(body.match(/You used this last time/g)).toHaveLength(1)
  })
})

describe('a sign-in', () => {
  it('comes back to the address of its provider, and gets the role that the rules give there', async () => {
    const { location } = await begin('staff')
    expect(location?.pathname).toBe('/oauth2/callback/staff')
    expect(await userinfoOf(await signIn('staff'))).toEqual({ status: 200, role: 'control' })
    expect(await userinfoOf(await signIn('partners'))).toEqual({ status: 200, role: 'view' })
    const providers = stack.gateway.audit('login').map(({ provider }) => provider)
    expect(providers.slice(-2)).toEqual(['staff', 'partners'])
    const counted = { provider: 'partners', outcome: 'ok' }
    expect(await metric(stack.gateway, 'ghostwire_logins_total', counted)).toBeGreaterThan(0)
  })

  it('does not carry a group of one provider into a rule for another', async () => {
    partners.script({ claims: { groups: ['desktop-users'] } })
    expect((await userinfoOf(await signIn('partners'))).role).toBe('view')
  })

  it('signs out at the provider where it began', async () => {
    const person = await signIn('partners')
    const { location } = await person.request(stack.at('/oauth2/sign_out'), {
      method: 'POST',
      headers: { origin: stack.gateway.origin, 'sec-fetch-site': 'same-origin' },
    })
    expect(location?.href).toContain(`${partners.issuer}/logout?`)
  })
})

describe('a response of one provider in a sign-in at the other (RFC 9700 4.4)', () => {
  /** No code may reach a token endpoint, and nobody may be signed in. */
  async function expectRefused(person: Person, url: URL): Promise<void> {
    const { status } = await person.visit(url)
    expect(status).toBe(400)
    expect(staff.asked('token')).toEqual([])
    expect(partners.asked('token')).toEqual([])
    expect((await userinfoOf(person)).status).toBe(401)
  }

  it('that comes to the address of the other is refused', async () => {
    const person = new Person()
    const { location } = await begin('partners', person)
    const url = new URL(location as URL)
    url.pathname = '/oauth2/callback/staff'
    await expectRefused(person, url)
  })

  it('that comes to the address of no provider is refused', async () => {
    for (const path of ['/oauth2/callback', '/oauth2/callback/nobody', '/oauth2/callback/']) {
      const person = new Person()
      const { location } = await begin('partners', person)
      const url = new URL(location as URL)
      url.pathname = path
      const { status } = await person.visit(url)
      expect([400, 404]).toContain(status)
      expect((await userinfoOf(person)).status).toBe(401)
    }
    expect(partners.asked('token')).toEqual([])
  })

  it('that a malicious provider gets by sending the person on to the other is refused', async () => {
    const person = new Person()
    // The person chose the partners. That provider sends them to the staff's with the state of this sign-in.
    const first = await person.visit(stack.at('/oauth2/start?provider=partners'))
    const forwarded = new URL(`${staff.issuer}/authorize${(first.location as URL).search}`)
    forwarded.searchParams.set('redirect_uri', stack.at('/oauth2/callback/staff'))
    await expectRefused(person, staff.signIn(forwarded))
  })

  it.each(['iss of the other', 'no iss'])(
    'at the address of the first (%s) is refused',
    async (how) => {
      const person = new Person()
      const { location } = await begin('partners', person)
      const url = new URL(location as URL)
      if (how === 'no iss') url.searchParams.delete('iss')
      else url.searchParams.set('iss', staff.issuer)
      await expectRefused(person, url)
    },
  )

  it('in the form of an ID token is refused', async () => {
    const person = new Person()
    partners.script({ claims: { iss: staff.issuer } })
    const { location } = await begin('partners', person)
    expect((await person.visit(location as URL)).status).toBe(400)
    expect((await userinfoOf(person)).status).toBe(401)
  })
})

describe('a logout token', () => {
  const send = (token: string): Promise<Answer> =>
    new Person().request(stack.at('/oauth2/backchannel_logout'), {
      method: 'POST',
      body: new URLSearchParams({ logout_token: token }),
    })

  it('ends the sessions of its provider, not those of the same subject at the other', async () => {
    const [inStaff, inPartners] = [await signIn('staff'), await signIn('partners')]
    expect((await send(await partners.logoutToken())).status).toBe(200)
    expect((await userinfoOf(inPartners)).status).toBe(401)
    expect((await userinfoOf(inStaff)).status).toBe(200)
  })

  it('of one provider that names the other as its issuer is refused', async () => {
    const inStaff = await signIn('staff')
    const { status, body } = await send(await partners.logoutToken({ iss: staff.issuer }))
    expect([status, body]).toEqual([400, expect.stringContaining('signature') as string])
    expect((await userinfoOf(inStaff)).status).toBe(200)
  })

  it('of a provider that is not there is refused', async () => {
    const { status, body } = await send(await partners.logoutToken({ iss: 'https://op.example' }))
    expect([status, body]).toEqual([400, expect.stringContaining('iss') as string])
    expect((await send('x')).status).toBe(400)
  })

  it('does not use up the same id (`jti`) at the other provider', async () => {
    const inStaff = await signIn('staff')
    expect((await send(await partners.logoutToken({ jti: 'one' }))).status).toBe(200)
    expect((await send(await staff.logoutToken({ jti: 'one' }))).status).toBe(200)
    expect((await userinfoOf(inStaff)).status).toBe(401)
  })

  it('by front channel is taken from either issuer, and from no other', async () => {
    const path = (issuer: string): string =>
      stack.at(`/oauth2/frontchannel_logout?sid=s&iss=${encodeURIComponent(issuer)}`)
    for (const [issuer, status] of [
      [staff.issuer, 200],
      [partners.issuer, 200],
      ['https://op.example', 400],
    ] as const) {
      expect((await new Person().visit(path(issuer))).status).toBe(status)
    }
  })
})

it('one provider that is down keeps nobody from the other, and is told apart', async () => {
  const away = await startScriptedOp()
  await away.stop()
  const op = await startScriptedOp()
  const client = { clientId: CLIENT_ID, clientSecret: CLIENT_SECRET }
  const own = await startScriptedStack({
    environment: WITHOUT_ENVIRONMENT,
    config: {
      oidc: [
        { name: 'away', issuer: away.issuer, ...client },
        { name: 'here', issuer: op.issuer, ...client },
      ],
      allowGroups: ['desktop-users'],
    },
  })
  const person = new Person()
  const { location } = await person.reachCallback(own.at('/oauth2/start?provider=here'))
  expect((await person.visit(location as URL)).status).toBe(302)
  const { status, body } = await new Person().visit(own.at('/oauth2/start?provider=away'))
  expect([status, body]).toEqual([503, expect.stringContaining('href') as string])
  const up = (provider: string): Promise<number> =>
    metric(own.gateway, 'ghostwire_provider_up', { provider })
  expect([await up('away'), await up('here')]).toEqual([0, 1])
  const ready = await fetch(`${own.gateway.admin}/readyz`)
  expect([ready.status, await ready.json()]).toMatchObject([
    200,
    { ready: true, parts: { provider: 'down' } },
  ])
  await own.stop()
  await op.stop()
})
