// One key set for ID tokens, userinfo and logout tokens, which follows the provider's rotations.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PERSON, type Bend } from '../support/scripted-op.ts'
import {
  expectRefused,
  signIn,
  startScriptedStack,
  type ScriptedStack,
} from '../support/scripted-stack.ts'

let stack: ScriptedStack
beforeEach(async () => {
  const discovery: Bend = ({ body }) => ({
    body: { ...body, userinfo_signing_alg_values_supported: ['RS256'] },
  })
  stack = await startScriptedStack({ op: { script: { discovery } } })
})
afterEach(() => stack.stop())

async function statusOfSignIn(): Promise<number> {
  return (await signIn(stack)).status
}

async function sendLogoutToken(token: string): Promise<number> {
  const body = new URLSearchParams({ logout_token: token })
  return (await fetch(stack.at('/oauth2/backchannel_logout'), { method: 'POST', body })).status
}

describe('a key that the provider replaces a moment after the key set was fetched', () => {
  it('loses no sign-in, and the key set is fetched once for all of them', async () => {
    expect(await statusOfSignIn()).toBe(302)
    await stack.op.rotateKey()
    const statuses = await Promise.all(Array.from({ length: 5 }, () => statusOfSignIn()))
    expect(statuses).toEqual([302, 302, 302, 302, 302])
    expect(stack.op.asked('jwks')).toHaveLength(2)
    expect(await sendLogoutToken(await stack.op.logoutToken({ sub: 'nobody' }))).toBe(200)
    expect(stack.op.asked('jwks')).toHaveLength(2)
  })

  it('may keep its name', async () => {
    expect(await statusOfSignIn()).toBe(302)
    await stack.op.rotateKey(stack.op.kid)
    expect(await statusOfSignIn()).toBe(302)
    expect(stack.op.asked('jwks')).toHaveLength(2)
  })
})

it('logout tokens with invented keys fetch the key set at most every five seconds', async () => {
  for (let at = 0; at < 20; at += 1) {
    await sendLogoutToken(await stack.op.logoutToken({}, { kid: `made-up-${at}` }))
    await sendLogoutToken(await stack.op.logoutToken({}, {}, 'another-key'))
  }
  expect(stack.op.asked('jwks').length).toBeLessThanOrEqual(2)
})

describe('a userinfo answer that is signed', () => {
  /** A JWT signed like an ID token: a logout token without its events and type. */
  const signedBy =
    (token: string): Bend =>
    () => ({ headers: { 'content-type': 'application/jwt' }, body: token })

  it('counts when one of the provider’s keys signed it', async () => {
    const token = await stack.op.logoutToken({ ...PERSON, events: undefined }, { typ: undefined })
    stack.op.script({ claims: { groups: undefined }, userinfo: signedBy(token) })
    expect(await statusOfSignIn()).toBe(302)
  })

  it('is refused when another key signed it', async () => {
    const token = await stack.op.logoutToken(
      { ...PERSON, events: undefined },
      { typ: undefined },
      'another-key',
    )
    stack.op.script({ claims: { groups: undefined }, userinfo: signedBy(token) })
    await expectRefused(stack, { status: 400, reason: 'login-invalid' }, () => signIn(stack))
  })
})
