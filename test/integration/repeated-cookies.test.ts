import { expect, it } from 'vitest'
import { Person } from '../support/person.ts'
import { countAsked, metric, signIn, withScriptedStack } from '../support/scripted-stack.ts'

it('a request with two session cookies has no session, on a page and in the API', () =>
  withScriptedStack({}, async (stack) => {
    const person = new Person()
    const other = new Person()
    await signIn(stack, '/', person)
    await signIn(stack, '/', other)
    const mine = person.cookieHeader(stack.at('/'))
    const theirs = other.cookieHeader(stack.at('/'))
    const ask = (path: string, cookie: string) =>
      new Person().request(stack.at(path), { headers: { cookie } })

    for (const cookie of [`${mine}; ${theirs}`, `${theirs}; ${mine}`, `${mine}; ${mine}`]) {
      for (const path of ['/', '/oauth2/userinfo', '/oauth2/auth', '/oauth2/desktop_status']) {
        expect((await ask(path, cookie)).status, `${path} with two cookies`).toBe(401)
      }
    }
    expect((await ask('/oauth2/userinfo', mine)).status).toBe(200)
    // A byte that `trim()` would remove is a part of the name.
    const planted = theirs.replaceAll(/(^|; )/g, '$1\u00a0')
    expect((await ask('/oauth2/userinfo', planted)).status).toBe(401)

    expect(
      await metric(stack.gateway, 'ghostwire_cookies_repeated_total', { cookie: 'session' }),
    ).toBe(12)
    expect(stack.gateway.audit('cookie_repeated')).toMatchObject([{ reason: 'session' }])
  }))

it('a callback with two cookies for the attempt is refused before its code is redeemed', () =>
  withScriptedStack({}, async (stack) => {
    const person = new Person()
    const { location } = await person.visit(stack.at('/'))
    const back = stack.op.signIn(location as URL)
    const cookie = person.cookieHeader(back)
    const asked = await countAsked(stack.op, 'token', async () => {
      const answer = await person.request(back, { headers: { cookie: `${cookie}; ${cookie}` } })
      expect(answer.status).toBe(400)
    })
    expect(asked).toBe(0)
    expect(stack.gateway.audit()).toMatchObject([
      { event: 'cookie_repeated', reason: 'login' },
      { event: 'login_refused', reason: 'login-cookie-missing' },
    ])
    expect(
      await metric(stack.gateway, 'ghostwire_cookies_repeated_total', { cookie: 'login' }),
    ).toBe(1)
  }))
