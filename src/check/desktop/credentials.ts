// Whether the desktop accepts the credentials: one request for each user, as KasmVNC bans after a few failures.

import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import type { Credentials, Role, Settings } from '../../config/config.ts'
import { codeOf } from '../../lib/errors.ts'
import { isTree, type Tree } from '../../lib/tree.ts'
import { requestHeaders } from '../../proxy/headers.ts'
import type { Findings } from '../finding.ts'
import { networkFailure } from '../network-failure.ts'
import type { Asker } from './asker.ts'

const TIMEOUT_MS = 10_000
const ROLES: readonly Role[] = ['control', 'view', 'owner']
const SETTING: Readonly<Record<Role, string>> = {
  control: 'desktop',
  view: 'desktop.viewer',
  owner: 'desktop.owner',
}

/** True if the user for the role `control` is accepted. */
export async function checkCredentials(
  { desktop: { credentials } }: Settings,
  asker: Asker,
  findings: Findings,
): Promise<boolean> {
  const isKnown = new Set<string>()
  let isAccepted = false
  for (const role of ROLES) {
    const one = credentials[role]
    const key = JSON.stringify([one?.username, one?.password])
    if ((one === undefined && role !== 'control') || (isKnown.has(key) && role !== 'owner'))
      continue
    isKnown.add(key)
    // One after the other, as the desktop takes few connections.
    // oxlint-disable-next-line no-await-in-loop
    const answer = await ask(role, asker)
    judge(role, one, answer, findings)
    if (role === 'control') isAccepted = answer.status !== undefined && answer.status !== 401
    if (role === 'owner' && answer.status === 200) {
      checkPermissions(answer.body, credentials, findings)
    }
  }
  return isAccepted
}

interface Answer {
  /** Undefined: no answer of HTTP, because of `error`. */
  readonly status: number | undefined
  readonly error?: unknown
  readonly body: string
}

/** Only an owner may list the users, so the same request shows the right. */
const LIST_OF_USERS = '/api/get_users'

async function ask(role: Role, { desktop, clientAddress }: Asker): Promise<Answer> {
  const { url, kind, requestAgent: agent, address } = desktop
  const authorization = desktop.authorizationFor(role)
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  send({
    agent,
    ...address,
    path: role === 'owner' ? LIST_OF_USERS : '/',
    headers: requestHeaders(kind, {}, { authorization, clientAddress, host: url.host }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
    .once('response', resolve)
    .on('error', reject)
    .end()
  try {
    const response = await promise
    return { status: response.statusCode, body: await text(response).catch(() => '') }
  } catch (error) {
    return { status: undefined, error, body: '' }
  }
}

function judge(
  role: Role,
  credentials: Credentials | undefined,
  { status, error }: Answer,
  findings: Findings,
): void {
  const [check, setting] = [`credentials.${role}`, SETTING[role]]
  if (status === undefined) {
    const words =
      codeOf(error)?.startsWith('HPE_') === true
        ? 'it does not answer with HTTP; check host and port in desktop.url'
        : networkFailure(error)
    findings.fail(check, `The desktop does not answer a request: ${words}.`)
  } else if (status === 401 && credentials === undefined) {
    findings.fail(
      check,
      'The desktop wants a user name and a password (401). Set desktop.username and desktop.password.',
    )
  } else if (status === 401) {
    const orRight = role === 'owner' ? ', and that this user is an owner' : ''
    findings.fail(
      check,
      `The desktop refuses the user ${credentials?.username} for the role ${role} (401). Check ${setting}.username and ${setting}.password${orRight}.`,
    )
  } else if (status < 400) {
    const who =
      credentials === undefined ? 'requests without a user' : `the user ${credentials.username}`
    findings.ok(check, `The desktop accepts ${who} for the role ${role}.`)
  } else {
    findings.warn(
      check,
      `The desktop answers ${status}; expected its page (200). Check host and port in desktop.url.`,
    )
  }
}

/** KasmVNC enforces view-only by the rights of its users. */
function checkPermissions(
  body: string,
  { control, view }: Settings['desktop']['credentials'],
  findings: Findings,
): void {
  const users = parseUsers(body)
  const mayWrite = (one: Credentials | undefined): unknown =>
    users.find(({ user }) => user === one?.username)?.['write']
  if (view !== undefined && mayWrite(view) === true) {
    findings.warn(
      'permissions',
      `The user ${view.username} for the role view has the right to write. Only the gateway keeps viewers from control; take the right away with kasmvncpasswd.`,
    )
  } else if (control !== undefined && mayWrite(control) === false) {
    findings.fail(
      'permissions',
      `The user ${control.username} for the role control has no right to write, so nobody can control the desktop. Give the right with kasmvncpasswd.`,
    )
  } else if (users.length > 0) {
    findings.ok('permissions', 'The users have the rights that their roles need.')
  }
}

function parseUsers(body: string): readonly Tree[] {
  try {
    const users: unknown = JSON.parse(body)
    return Array.isArray(users) ? users.filter(isTree) : []
  } catch {
    return []
  }
}
