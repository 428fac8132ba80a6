// `/api/…` for owners (WS.c:1097-1880): user management, and statistics with their oddities.

import type { Answers } from './answer.ts'
import type { Account } from './request.ts'
import type { StaticFiles } from './static-files.ts'

/** What the API shows of the rest of the server. */
export interface ServerState {
  readonly accounts: Map<string, Account>
  readonly files: StaticFiles
  /** Every open tunnel. */
  viewers(): readonly Viewer[]
  /** The users who were connected when the last tunnel was opened. */
  lastSessions(): readonly Viewer[]
}

interface Viewer {
  readonly user: string
  readonly address: string
  readonly openedAt: Date
  readonly sawAFrame: boolean
}

export interface ApiAnswer {
  readonly bytes: Buffer
  readonly afterMs?: number
}

/** `get_frame_stats` waits this long for frames nobody reports, with clients and without. */
const FRAME_STATS_WAIT_MS = 10_000
const EMPTY_JPEG = Buffer.from([0xff, 0xd8, 0xff, 0xd9])
const DOWNLOADS = '/Downloads/Downloads/'

/** Undefined if it is not an endpoint; the static files then answer the request. */
export function answerOwner(
  text: string,
  state: ServerState,
  answers: Answers,
): ApiAnswer | undefined {
  const [method = '', target = ''] = text.split(' ', 2)
  if (target.length < 1 || target.length > 1_024 || text.includes('../', 4)) return undefined
  if (method === 'POST') return answerPost(text, target, state, answers)
  if (method !== 'GET') return undefined

  const [path = '', search = ''] = target.split('?', 2)
  const query = new URLSearchParams(search)
  switch (path) {
    case '/api/create_user':
    case '/api/remove_user':
    case '/api/update_user': {
      const user = userFromQuery(query)
      const done = user !== undefined && changeUsers(path, [user], state.accounts)
      return { bytes: done ? answers.ok('text/plain', '200 OK') : answers.badRequest() }
    }
    case '/api/get_screenshot': {
      const isDrawn = state.viewers().some(({ sawAFrame }) => sawAFrame)
      return { bytes: isDrawn ? answers.ok('image/jpeg', EMPTY_JPEG) : answers.badRequest() }
    }
    case '/api/get_users':
      return { bytes: answers.ok('text/plain', listUsers(state.accounts)) }
    case '/api/get_sessions':
      return { bytes: answers.ok('text/plain', listSessions(state)) }
    case '/api/get_bottleneck_stats':
      return { bytes: answers.ok('text/plain', listBottlenecks(state)) }
    case '/api/get_frame_stats':
      return query.has('client')
        ? { bytes: frameStatsTimeout(answers), afterMs: FRAME_STATS_WAIT_MS }
        : { bytes: answers.badRequest() }
    case '/api/send_full_frame':
    case '/api/clear_clipboard':
      return { bytes: answers.ok('text/plain', '200 OK') }
    case '/api/downloads':
      return { bytes: listDownloads(query.get('path') ?? '', state.files, answers) }
    case '/api/system/stats':
      return { bytes: answers.withoutLength('200 OK', 'text/json', SYSTEM_STATS) }
    default:
      return undefined
  }
}

/** The body is whatever was read with the headers (WS.c:1137): none, or chunked framing, is no JSON array. */
function answerPost(
  text: string,
  path: string,
  state: ServerState,
  answers: Answers,
): ApiAnswer | undefined {
  if (!/^\/api\/(?:create|remove|update)_user$/.test(path)) return undefined
  const users = parseUsers(text.slice(text.indexOf('\r\n\r\n') + 4))
  const done = users !== undefined && changeUsers(path, users, state.accounts)
  return { bytes: done ? answers.ok('text/plain', '200 OK') : answers.badRequest() }
}

interface UserChange {
  readonly user: string
  readonly password?: string
  readonly read?: boolean
  readonly write?: boolean
  readonly owner?: boolean
}

function userFromQuery(query: URLSearchParams): UserChange | undefined {
  const user = query.get('name')
  if (user === null || user === '') return undefined
  const flag = (name: 'read' | 'write' | 'owner'): Partial<UserChange> =>
    query.has(name) ? { [name]: query.get(name) === 'true' } : {}
  const password = query.get('password')
  return {
    user,
    ...(password === null ? {} : { password }),
    ...flag('read'),
    ...flag('write'),
    ...flag('owner'),
  }
}

/** A POST sets all three rights, so a missing one is taken away. */
function parseUsers(body: string): UserChange[] | undefined {
  try {
    const users: unknown = JSON.parse(body)
    if (!Array.isArray(users)) return undefined
    return users.map((user) => ({
      read: false,
      write: false,
      owner: false,
      ...(user as UserChange),
    }))
  } catch {
    return undefined
  }
}

function changeUsers(
  path: string,
  changes: readonly UserChange[],
  accounts: Map<string, Account>,
): boolean {
  for (const { user, ...change } of changes) {
    const known = accounts.get(user)
    if (path === '/api/create_user' ? !change.password : known === undefined) return false
    if (path === '/api/remove_user') accounts.delete(user)
    else {
      const nobody = { password: '', read: false, write: false, owner: false }
      accounts.set(user, { ...(known ?? nobody), ...change })
    }
  }
  return true
}

/** 80 bytes a user and no more: long names cut the JSON off (GetAPIMessager.cxx:508). */
function listUsers(accounts: ReadonlyMap<string, Account>): string {
  const lines = [...accounts].map(
    ([user, { read, write, owner }]) =>
      `    { "user": ${JSON.stringify(user)}, "read": ${read}, "write": ${write}, "owner": ${owner} }`,
  )
  return `[\n${lines.join(',\n')}\n]\n`.slice(0, accounts.size * 80 - 1)
}

/** Is never empty again: the last user who disconnects stays listed. Local time without a zone. */
function listSessions(state: ServerState): string {
  const users = state.lastSessions().map(({ user, openedAt }) => {
    const local = new Date(openedAt.getTime() - openedAt.getTimezoneOffset() * 60_000)
    const time = local.toISOString().slice(0, 19).replace('T', ' ')
    return `{"username":${JSON.stringify(user)}, "connected_since":"${time}"}`
  })
  return `{"users":${users.length === 0 ? '[]' : ` [${users.join(', ')}]`}}`
}

/** Not JSON before the first frame: printf shows its not-a-number. */
function listBottlenecks(state: ServerState): string {
  const byUser = Map.groupBy(state.viewers(), ({ user }) => user)
  const users = [...byUser].map(([user, viewers]) => {
    const lines = viewers.map(({ address, openedAt, sawAFrame }) => {
      const figure = sawAFrame ? '10.0' : '-nan'
      const id = `${address}_${(openedAt.getTime() / 1_000).toFixed(6)}::websocket`
      return `\t\t"${id}": [ ${figure}, ${figure}, ${figure}, ${figure} ]`
    })
    return `\t"${user}": {\n${lines.join(',\n')}\n\t}`
  })
  return users.length === 0 ? '{\n}\n' : `{\n${users.join(',\n')}\n}\n`
}

function frameStatsTimeout(answers: Answers): Buffer {
  return answers.withoutLength('503 Service Unavailable', 'text/plain', '503 Service Unavailable')
}

function listDownloads(folder: string, files: StaticFiles, answers: Answers): Buffer {
  const prefix = `${DOWNLOADS}${folder}`.replace(/\/*$/, '/')
  const inside = [...files].filter(([path]) => path.startsWith(prefix))
  if (inside.length === 0) return answers.badRequest()
  const entries = inside.map(([path, { body }]) => ({
    filename: path.slice(prefix.length),
    date_modified: 1_790_000_000,
    date_created: 1_790_000_000,
    is_dir: false,
    size: Buffer.byteLength(body),
    owner: 'kasm-user',
    group: 'kasm-user',
    perms: '644',
  }))
  const list = entries.map((entry) => JSON.stringify(entry)).join(',\n')
  return answers.withoutLength('200 OK', 'text/json', `{ "files": [\n${list}]}`)
}

const SYSTEM_STATS = JSON.stringify({
  cpu: { usage_percent: 12.5, has_cgroup_usage: true, cgroup_usage_percent: 6.25 },
  memory: { total: 8_589_934_592, free: 4_294_967_296, cached: 1_073_741_824, used: 3_221_225_472 },
  cgroup: {},
  cpu_throttling: { available: true, has_throttling: false, nr_periods: 0, nr_throttled: 0 },
  io_stats: { vda: { bytes_read: 4_096, bytes_written: 4_096 } },
})
