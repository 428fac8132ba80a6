// What is particular to Entra and Google: groups that a token leaves out, Microsoft Graph, the organisation of an account.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { Person } from '../support/person.ts'
import { TOKEN_PREFIX, type Script } from '../support/scripted-op.ts'
import {
  expectRefused,
  signIn,
  startScriptedStack,
  type ScriptedStack,
  type ScriptedStackOptions,
} from '../support/scripted-stack.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

async function start(options: ScriptedStackOptions): Promise<ScriptedStack> {
  const stack = await startScriptedStack(options)
  closing.push(() => stack.stop())
  return stack
}

interface Graph {
  readonly origin: string
  readonly asked: {
    method: string | undefined
    url: string | undefined
    token: string
    body: string
  }[]
}

/** Answers as Graph does. */
async function startGraph(answer: { status?: number; body: object }): Promise<Graph> {
  const asked: Graph['asked'] = []
  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url, headers } = request
    asked.push({ method, url, token: headers.authorization ?? '', body: await text(request) })
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer.body))
  }
  const server: Server = createServer((request, response) => void respond(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => new Promise((resolve) => server.close(resolve)))
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

/** The claims of a person in more than 200 groups. */
const LINKED = {
  groups: undefined,
  _claim_names: { groups: 'src1' },
  _claim_sources: {
    src1: { endpoint: 'https://graph.windows.net/tenant/users/alice/getMemberObjects' },
  },
}

describe('a person in more groups than Entra tells', () => {
  it.each([
    ['a link', LINKED],
    ['a mark', { groups: undefined, hasgroups: true }],
  ])(
    '(%s in place of them) gets a page that says so, and the log says what to change',
    async (_, claims) => {
      const stack = await start({ op: { script: { claims } } })
      const refusal = { status: 403, reason: 'groups-omitted', outcome: 'refused' } as const
      const { answer } = await expectRefused(stack, refusal, () => signIn(stack))
      expect(answer.body).toContain('Your groups are not known')
      const warnings = stack.gateway.lines.filter(({ level }) => level === 'warn')
      expect(JSON.stringify(warnings)).toContain('oidc.groupsFromGraph')
    },
  )

  it('is let in by a rule for the address', async () => {
    const stack = await start({
      op: { script: { claims: LINKED } },
      environment: { GATEWAY_ALLOW_EMAILS: 'alice@example.com' },
    })
    expect((await signIn(stack)).status).toBe(302)
  })

  it('is asked about at Microsoft Graph, if the operator wants that', async () => {
    const graph = await startGraph({ body: { value: ['other-id', 'desktop-users'] } })
    const stack = await start({
      op: { script: { claims: LINKED } },
      environment: { GATEWAY_OIDC_GROUPS_FROM_GRAPH: graph.origin },
    })
    const person = new Person()
    expect((await signIn(stack, '/', person)).status).toBe(302)
    expect(graph.asked).toEqual([
      {
        method: 'POST',
        url: '/v1.0/me/getMemberObjects',
        token: expect.stringMatching(`^Bearer ${TOKEN_PREFIX}`) as string,
        body: '{"securityEnabledOnly":false}',
      },
    ])
    const { body } = await person.request(stack.at('/oauth2/userinfo'))
    expect(JSON.parse(body)).toMatchObject({ groups: ['other-id', 'desktop-users'] })
  })

  it('is not asked about if the token tells the groups, or no rule needs them', async () => {
    const graph = await startGraph({ body: { value: [] } })
    const environment = { GATEWAY_OIDC_GROUPS_FROM_GRAPH: graph.origin }
    expect((await signIn(await start({ environment }))).status).toBe(302)
    const byAddress = {
      ...environment,
      GATEWAY_ALLOW_GROUPS: undefined,
      GATEWAY_ALLOW_EMAILS: 'alice@example.com',
    }
    const other = await start({ op: { script: { claims: LINKED } }, environment: byAddress })
    expect((await signIn(other)).status).toBe(302)
    expect(graph.asked).toEqual([])
  })

  it('is told of a refusal by Graph as a matter for the administrator', async () => {
    const body = { error: { code: 'Authorization_RequestDenied', message: 'no' } }
    const graph = await startGraph({ status: 403, body })
    const stack = await start({
      op: { script: { claims: LINKED } },
      environment: { GATEWAY_OIDC_GROUPS_FROM_GRAPH: graph.origin },
    })
    const refusal = { status: 502, reason: 'provider-misconfigured' }
    await expectRefused(stack, refusal, () => signIn(stack))
    const errors = stack.gateway.lines.filter(({ level }) => level === 'error')
    expect(JSON.stringify(errors)).toContain('403, Authorization_RequestDenied')
    expect(JSON.stringify(errors)).toContain('User.Read')
  })
})

describe('a client for one Google organisation', () => {
  const config = { oidc: { authorizationParams: { hd: 'example.com' } } }

  it.each([
    ['of another organisation', { hd: 'other.example' }],
    ['of none', {}],
  ])('lets in nobody %s', async (_, claims) => {
    const stack = await start({ config, op: { script: { claims } } })
    const refusal = { status: 403, reason: 'other-organisation' }
    const { answer } = await expectRefused(stack, refusal, () => signIn(stack))
    expect(answer.body).toContain('prompt=select_account')
  })

  it('lets in its own people, and ends the session of somebody who has left it', async () => {
    const token: Script['token'] = ({ body }) => ({
      body: { ...body, refresh_token: `${TOKEN_PREFIX}refresh` },
    })
    const stack = await start({
      config,
      op: { script: { claims: { hd: 'example.com' }, token } },
      environment: { GATEWAY_SESSION_REVALIDATE_EVERY: '1s' },
    })
    const person = new Person()
    expect((await signIn(stack, '/', person)).status).toBe(302)
    const idToken = await stack.op.logoutToken({ hd: 'other.example' })
    stack.op.script({ token: ({ body }) => ({ body: { ...body, id_token: idToken } }) })
    await expect
      .poll(async () => (await person.request(stack.at('/oauth2/auth'))).status, { timeout: 5_000 })
      .toBe(401)
    expect(stack.gateway.audit('session_ended')).toMatchObject([{ reason: 'refresh-refused' }])
  })
})
