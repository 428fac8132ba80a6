// Step-up: a rule requires more of the sign-in than the session has. The provider is asked for it, once.

import { afterEach, describe, expect, it } from 'vitest'
import { Person, type Answer } from '../support/person.ts'
import {
  expectRefused,
  startScriptedStack,
  type ScriptedStack,
  type ScriptedStackOptions,
} from '../support/scripted-stack.ts'

const stacks: ScriptedStack[] = []
afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.stop()
})

const STRONG = { match: { groups: ['desktop-users'] }, role: 'control', require: { acr: ['gold'] } }
const FRESH = { match: { groups: ['desktop-users'] }, role: 'control', require: { maxAge: '2s' } }
const VIEW = { match: { groups: ['desktop-users'] }, role: 'view' }

async function start(access: readonly object[], op: ScriptedStackOptions['op'] = {}) {
  const stack = await startScriptedStack({
    environment: {
      GATEWAY_ALLOW_GROUPS: undefined,
      GATEWAY_DESKTOP_VIEWER_USERNAME: 'viewer',
      GATEWAY_DESKTOP_VIEWER_PASSWORD: 'viewer-password',
    },
    config: { access },
    op,
  })
  stacks.push(stack)
  return stack
}

const seconds = (): number => Math.floor(Date.now() / 1_000)

/** Follows redirects until there is a page, or a way to the desktop. */
async function follow(stack: ScriptedStack, person: Person, path: string): Promise<Answer> {
  let answer = await person.visit(stack.at(path))
  for (let hop = 0; hop < 8 && answer.location !== undefined; hop += 1) {
    const { pathname, origin } = answer.location
    if (origin === stack.gateway.origin && !pathname.startsWith('/oauth2/')) return answer
    answer = await person.visit(answer.location)
  }
  return answer
}

async function roleOf(stack: ScriptedStack, person: Person): Promise<unknown> {
  const { body } = await person.request(stack.at('/oauth2/userinfo'))
  return (JSON.parse(body) as { role?: unknown }).role
}

/** Answers with the context that is asked for, as a provider does. */
function grant(stack: ScriptedStack, usual: string): void {
  stack.op.script({ claims: { acr: usual, auth_time: seconds() } })
}

describe('a person whose sign-in is too weak', () => {
  it('is sent to the provider again with what is missing, and comes back to where they wanted to go', async () => {
    const stack = await start([STRONG])
    const person = new Person()
    grant(stack, 'silver')
    const first = await person.reachCallback(stack.at('/vnc.html?path=a'))
    const again = await person.visit(first.location as URL)
    expect(again.location?.searchParams.get('acr_values')).toBe('gold')
    expect(stack.gateway.audit('login')).toEqual([])
    grant(stack, 'gold')
    const back = await person.visit(again.location as URL)
    const { location } = await person.visit(back.location as URL)
    expect(location?.href).toBe(stack.at('/vnc.html?path=a'))
    expect(await roleOf(stack, person)).toBe('control')
    expect(stack.op.asked('authorize').map(({ query }) => query.get('acr_values'))).toEqual([
      null,
      'gold',
    ])
  })

  it('gets a page and no loop if the provider confirms less', async () => {
    const stack = await start([STRONG])
    grant(stack, 'silver')
    const refusal = { status: 403, reason: 'step-up-failed' }
    const { answer } = await expectRefused(stack, refusal, () => follow(stack, new Person(), '/'))
    expect(answer.body).toContain('A stronger sign-in is needed')
    expect(answer.body).toContain('href="/oauth2/start?step_up=1&amp;rd=%2F"')
    expect(stack.op.asked('authorize')).toHaveLength(2)
  })

  it('gets that page too if the provider says that it cannot', async () => {
    const stack = await start([STRONG])
    stack.op.script({
      claims: { acr: 'silver' },
      authorization: (response) => {
        if (stack.op.asked('authorize').length < 2) return
        response.delete('code')
        response.set('error', 'unmet_authentication_requirements')
      },
    })
    const refusal = { status: 403, reason: 'step-up-failed' }
    await expectRefused(stack, refusal, () => follow(stack, new Person(), '/'))
  })

  it('may watch meanwhile, and controls after a stronger sign-in', async () => {
    const stack = await start([STRONG, VIEW])
    const person = new Person()
    grant(stack, 'silver')
    expect((await follow(stack, person, '/')).location?.pathname).toBe('/')
    expect(await roleOf(stack, person)).toBe('view')
    const panel = await person.request(stack.at('/oauth2/panel'))
    expect(JSON.parse(panel.body)).toMatchObject({ role: 'view', canStepUp: true })
    grant(stack, 'gold')
    await follow(stack, person, '/oauth2/start?step_up=1&rd=/vnc.html')
    expect(stack.op.asked('authorize').at(-1)?.query.get('acr_values')).toBe('gold')
    expect(await roleOf(stack, person)).toBe('control')
    const after = await person.request(stack.at('/oauth2/panel'))
    expect(JSON.parse(after.body)).toMatchObject({ role: 'control', canStepUp: false })
  })

  it('keeps watching if the stronger sign-in fails', async () => {
    const stack = await start([STRONG, VIEW])
    const person = new Person()
    grant(stack, 'silver')
    await follow(stack, person, '/')
    const answer = await follow(stack, person, '/oauth2/start?step_up=1&rd=/')
    expect(answer.status).toBe(403)
    expect(await roleOf(stack, person)).toBe('view')
    expect(stack.gateway.audit('session_ended')).toEqual([])
  })
})

describe('a person whose sign-in is too old', () => {
  it('keeps the session, and is asked again at the next page', async () => {
    const stack = await start([FRESH])
    const person = new Person()
    grant(stack, 'any')
    await follow(stack, person, '/')
    expect((await person.request(stack.at('/oauth2/auth'))).status).toBe(202)
    // The limit, and the tolerance of the clocks.
    stack.op.script({ claims: { auth_time: seconds() - 60 } })
    await new Promise((resolve) => setTimeout(resolve, 8_000))
    expect((await person.request(stack.at('/oauth2/auth'))).status).toBe(401)
    const script = await person.request(stack.at('/vnc.html'), {
      headers: { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
    })
    expect([script.status, JSON.parse(script.body)]).toEqual([
      403,
      { error: 'insufficient_user_authentication', sign_in: '/oauth2/start?step_up=1' },
    ])
    const page = await person.visit(stack.at('/vnc.html'))
    expect(page.location?.searchParams.get('max_age')).toBe('2')
    grant(stack, 'any')
    const back = await person.visit(page.location as URL)
    expect((await person.visit(back.location as URL)).location?.pathname).toBe('/vnc.html')
    expect((await person.request(stack.at('/oauth2/auth'))).status).toBe(202)
  })

  it('cannot answer with an older one', async () => {
    const stack = await start([FRESH])
    stack.op.script({ claims: { auth_time: seconds() - 600 } })
    const answer = await follow(stack, new Person(), '/')
    expect(answer.status).toBe(403)
    expect(stack.gateway.audit('login')).toEqual([])
  })
})
