// docs/http-api.md: every endpoint is on the page, and each of its curl lines answers with the status beside it. The lines
// run in a shell against a real gateway, each as a person who has just signed in.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startKasmVncStandIn, type StandIn } from '../support/kasmvnc-stand-in.ts'
import { Person } from '../support/person.ts'
import { signIn, startScriptedStack, type ScriptedStack } from '../support/scripted-stack.ts'

const run = promisify(execFile)
const page = readFileSync('docs/http-api.md', 'utf8')
const ADMIN_TOKEN = 'an-admin-token-for-tests'

/** `curl … # 200` */
const lines = [...page.matchAll(/^(curl .*) # (\d{3})$/gm)].map(([, command = '', status]) => ({
  command,
  status: Number(status),
}))
const headings = [...page.matchAll(/^### `([A-Z]+ \/.*)`$/gm)].map(([, heading = '']) => heading)

/** The routes in the source code, with `:name` written as `{name}`. */
const routes = ['app', 'admin', 'admin-sessions'].flatMap((name) => {
  const source = readFileSync(`src/http/${name}.ts`, 'utf8')
  return [...source.matchAll(/\bapp\.(get|post|put|delete|all)\('([^']+)'/g)].map(
    ([, method = '', path = '']) => `${method.toUpperCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`,
  )
})

let desktop: StandIn
let stack: ScriptedStack
let environment: Record<string, string>

beforeAll(async () => {
  desktop = await startKasmVncStandIn()
  stack = await startScriptedStack({
    environment: { GATEWAY_DESKTOP_URL: desktop.url.origin, GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN },
  })
})
afterAll(async () => {
  await stack.stop()
  await desktop.stop()
})

beforeEach(async () => {
  stack.op.reset()
  const { gateway, op } = stack
  const person = new Person()
  await signIn(stack, '/', person)
  const authorization = { authorization: `Bearer ${ADMIN_TOKEN}` }
  const listed = await fetch(`${gateway.admin}/admin/sessions`, { headers: authorization })
  const { sessions } = (await listed.json()) as { sessions: { id: string; sub: string }[] }
  environment = {
    PATH: process.env['PATH'] ?? '',
    GATEWAY: gateway.origin,
    ADMIN: gateway.admin,
    COOKIE: person.cookieHeader(gateway.origin),
    TOKEN: ADMIN_TOKEN,
    ID: sessions[0]?.id ?? '',
    PERSON: sessions[0]?.sub ?? '',
    ISSUER: op.issuer,
    PROVIDER: 'staff',
    LOGOUT_TOKEN: await op.logoutToken({ sub: 'nobody-here' }),
  }
})

describe('docs/http-api.md', () => {
  it('lists every endpoint, and none that does not exist', () => {
    expect(routes.length).toBeGreaterThan(15)
    expect(headings.toSorted()).toEqual(routes.toSorted())
  })

  it.each(headings)('%s has a curl line', (heading) => {
    const section = page.slice(page.indexOf(`### \`${heading}\``)).split('\n### ')[0] ?? ''
    const [method = '', path = ''] = heading.split(' ')
    const named = [...section.matchAll(/^curl -s (?:-X (\w+) )?"\$\w+([^"?]*)/gm)].map(
      ([, verb = 'GET', target = '']) => `${verb} ${target}`,
    )
    const pattern = new RegExp(`^${method} ${path.replaceAll(/\{\w+\}/g, '\\$\\w+')}$`)
    expect(named.filter((name) => pattern.test(name))).not.toEqual([])
  })

  it.each(lines)('$command answers $status', async ({ command, status }) => {
    const script = `set -u; ${command} --max-time 10 --output /dev/null --write-out '%{http_code}'`
    const { stdout } = await run('sh', ['-c', script], { env: environment })
    expect(Number(stdout)).toBe(status)
  })

  it('sets every variable that its lines use', () => {
    const used = [
      ...lines
        .map(({ command }) => command)
        .join('\n')
        .matchAll(/\$(\w+)/g),
    ]
    const set = [...page.matchAll(/^([A-Z_]+)=/gm)].map(([, name = '']) => name)
    expect(set.toSorted()).toEqual([...new Set(used.map(([, name = '']) => name))].toSorted())
  })

  it('says for every curl line what it answers', () => {
    expect(page.match(/^curl /gm)?.length).toBe(lines.length)
  })
})
