// The provider of the demo, tested with another relying party than the gateway.

import * as oidc from 'openid-client'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { alice, mallory, type Person as Account } from '../../demo/people.ts'
import { startProvider, type RunningProvider } from '../../demo/provider.ts'
import { Person, type Answer } from '../support/person.ts'

const CALLBACK = 'http://localhost:1/oauth2/callback'
const SIGNED_OUT = 'http://localhost:1/signed-out'
const SECRET = 's'.repeat(32)

let people: Account[]
let provider: RunningProvider
let client: oidc.Configuration
let person: Person

const start = (configuration = {}): Promise<RunningProvider> =>
  startProvider({
    port: 0,
    people,
    configuration,
    clients: [
      {
        client_id: 'test',
        client_secret: SECRET,
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: [CALLBACK],
        post_logout_redirect_uris: [SIGNED_OUT],
        require_auth_time: true,
      },
    ],
  })

const discover = (issuer: string): Promise<oidc.Configuration> =>
  oidc.discovery(new URL(issuer), 'test', SECRET, undefined, {
    execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
  })

beforeEach(async () => {
  people = [alice, mallory]
  person = new Person()
  provider = await start()
  client = await discover(provider.issuer)
})
afterEach(() => provider.stop())

const verifier = oidc.randomPKCECodeVerifier()

async function authorizationUrl(more: Record<string, string> = {}): Promise<string> {
  const parameters = {
    redirect_uri: CALLBACK,
    scope: 'openid profile email',
    state: 'state',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...more,
  }
  return oidc.buildAuthorizationUrl(client, parameters).href
}

async function tokens(username: string, more: Record<string, string> = {}) {
  const { location } = await person.reachCallback(await authorizationUrl(more), username)
  return oidc.authorizationCodeGrant(client, location as URL, {
    pkceCodeVerifier: verifier,
    expectedState: 'state',
  })
}

/** The login page, reached through its redirects. */
async function loginPage(more: Record<string, string> = {}): Promise<Answer> {
  return person.follow(await authorizationUrl(more))
}

const submit = (page: Answer, username: string, password: string): Promise<Answer> =>
  person.request(page.url, {
    method: 'POST',
    body: new URLSearchParams({ username, password }),
  })

describe('discovery', () => {
  it('contains this address and the features that the gateway uses', () => {
    expect(client.serverMetadata()).toMatchObject({
      issuer: provider.issuer,
      pushed_authorization_request_endpoint: `${provider.issuer}/request`,
      end_session_endpoint: `${provider.issuer}/session/end`,
      backchannel_logout_supported: true,
      authorization_response_iss_parameter_supported: true,
      code_challenge_methods_supported: ['S256'],
    })
    expect(provider.issuer).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  })

  it('prints nothing on the console', async () => {
    const lines = vi.spyOn(console, 'info').mockReturnValue()
    const warnings = vi.spyOn(console, 'warn').mockReturnValue()
    const quiet = await start()
    client = await discover(quiet.issuer)
    await oidc.refreshTokenGrant(client, (await tokens('alice')).refresh_token ?? '')
    await quiet.stop()
    expect([...lines.mock.calls, ...warnings.mock.calls]).toEqual([])
    vi.restoreAllMocks()
  })
})

describe('the login form', () => {
  it('has a field for the name and one for the password, and runs no script', async () => {
    const page = await loginPage()
    expect(page.status).toBe(200)
    expect(page.body).toContain('name="username"')
    expect(page.body).toContain('name="password"')
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src/)
    expect(page.body).not.toContain('<script')
  })

  it.each([
    ['a wrong password', 'alice', 'wrong'],
    ['nobody', 'nobody', 'nobody'],
    ['markup', '"><script>', 'x'],
  ])('is shown again with an error for %s', async (_, username, password) => {
    const page = await submit(await loginPage(), username, password)
    expect(page.status).toBe(422)
    expect(page.body).toContain('role="alert"')
    expect(page.body).not.toContain('<script')
    const again = await submit(page, 'alice', 'alice')
    expect(again.status).toBe(303)
  })

  it('is filled with the name in login_hint', async () => {
    expect((await loginPage({ login_hint: 'alice' })).body).toContain('value="alice"')
  })

  it('links back to the application when it is sent twice or visited again', async () => {
    const page = await loginPage()
    const { location } = await submit(page, 'alice', 'alice')
    await person.visit(location as URL)
    for (const again of [await submit(page, 'alice', 'alice'), await person.visit(page.url)]) {
      expect(again.status).toBe(200)
      expect(again.body).toContain('<a class="button" href="http://localhost:1/">')
    }
  })

  it('shows an error when its login is unknown', async () => {
    const page = await loginPage()
    const late = await new Person().visit(page.url)
    expect(late.status).toBe(400)
    expect(late.body).toContain('expired')
  })

  it('refuses a body that is larger than a form', async () => {
    const page = await submit(await loginPage(), 'alice', 'x'.repeat(5_000))
    expect(page.status).toBe(413)
  })
})

describe('tokens', () => {
  it('contain the person’s claims in the ID token', async () => {
    expect((await tokens('alice')).claims()).toMatchObject({
      sub: 'alice',
      name: 'Alice Adams',
      email: 'alice@example.com',
      email_verified: true,
      groups: ['desktop-users'],
      auth_time: expect.any(Number) as number,
    })
    person = new Person()
    expect((await tokens('mallory')).claims()).toMatchObject({ sub: 'mallory', groups: [] })
  })

  it('are refreshed without offline_access, with a new refresh token and the current groups', async () => {
    const first = await tokens('alice')
    people[0] = { ...alice, groups: [] }
    const second = await oidc.refreshTokenGrant(client, first.refresh_token ?? '')
    expect(second.refresh_token).not.toBe(first.refresh_token)
    expect(second.claims()).toMatchObject({ sub: 'alice', groups: [] })
  })

  it('are refused to a person who was removed', async () => {
    const { refresh_token } = await tokens('alice')
    people.splice(0, 1)
    await expect(oidc.refreshTokenGrant(client, refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    })
  })

  it('are issued without a consent page, even with prompt=consent', async () => {
    const { scope } = await tokens('alice', {
      scope: 'openid offline_access',
      prompt: 'consent',
    })
    expect(scope).toBe('openid offline_access')
  })

  it('are given out only with PKCE', async () => {
    const url = new URL(await authorizationUrl())
    url.searchParams.delete('code_challenge')
    const { location } = await person.visit(url)
    expect(location?.searchParams.get('error')).toBe('invalid_request')
  })
})

describe('sign-out', () => {
  it('asks for confirmation, revokes the tokens and redirects back', async () => {
    const { id_token, refresh_token } = await tokens('alice')
    const asked = await person.visit(
      oidc.buildEndSessionUrl(client, {
        id_token_hint: id_token ?? '',
        post_logout_redirect_uri: SIGNED_OUT,
      }),
    )
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(asked.body)?.[1] ?? ''
    const done = await person.request(`${provider.issuer}/session/end/confirm`, {
      method: 'POST',
      body: new URLSearchParams({ xsrf, logout: 'yes' }),
    })
    expect(done.location?.href).toBe(SIGNED_OUT)
    await expect(oidc.refreshTokenGrant(client, refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    })
    expect((await loginPage()).body).toContain('name="password"')
  })
})

it('merges overrides into its configuration key by key', async () => {
  const other = await start({
    ttl: { IdToken: 77 },
    features: { backchannelLogout: { enabled: false } },
  })
  client = await discover(other.issuer)
  expect(client.serverMetadata().backchannel_logout_supported).toBeFalsy()
  const claims = (await tokens('alice')).claims()
  expect((claims?.exp ?? 0) - (claims?.iat ?? 0)).toBe(77)
  expect(claims?.['groups']).toEqual(['desktop-users'])
  await other.stop()
})
