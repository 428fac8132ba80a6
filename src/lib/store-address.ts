// Parses `session.store`: the kind of store and its address. A Redis URL may contain a password, so no problem quotes it.

export interface StoreHost {
  readonly host: string
  readonly port: number
}

export interface StoreCredentials {
  /** Undefined: the user `default` of Redis. */
  readonly username: string | undefined
  readonly password: string
}

export interface RedisAddress {
  readonly kind: 'redis'
  readonly tls: boolean
  /** The hosts of Redis, or those of the sentinels that know where Redis is. */
  readonly hosts: readonly [StoreHost, ...StoreHost[]]
  /** The sentinels' name for the Redis master. Undefined without sentinels. */
  readonly master: string | undefined
  readonly credentials: StoreCredentials | undefined
  readonly sentinelCredentials: StoreCredentials | undefined
  readonly db: number
}

export type StoreAddress =
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly path: string }
  | RedisAddress

export type ParsedStoreAddress =
  | { readonly ok: true; readonly address: StoreAddress }
  | { readonly ok: false; readonly problem: string }

const KINDS = 'must be memory, sqlite:PATH, redis://…, rediss://… or redis+sentinel://…'
const FORM = 'must have the form redis://[user:password@]host[:port][/db]'
const SENTINEL_FORM =
  'must have the form redis+sentinel://[user:password@]host[:port],host[:port]/master-name[/db]'
const ENCODED = ', with @ : / ? # % and blanks in names and passwords percent-encoded'

/** `?` and `#` end the part before them. The last `@` ends the credentials. */
const REDIS = /^(rediss?)(\+sentinel)?:\/\/(?:([^/?#\s]*)@)?([^/?#@\s]+)(?:\/([^?#\s]*))?(\?.*)?$/
const HOST = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/i

/** The text of each problem follows the setting's name: "must …". */
export function parseStoreAddress(written: string): ParsedStoreAddress {
  try {
    return { ok: true, address: parse(written) }
  } catch (error) {
    if (error instanceof Problem) return { ok: false, problem: error.message }
    throw error
  }
}

class Problem extends Error {}

function parse(written: string): StoreAddress {
  if (written === 'memory') return { kind: 'memory' }
  if (written.startsWith('sqlite:')) return { kind: 'sqlite', path: parsePath(written.slice(7)) }
  if (!/^rediss?(\+sentinel)?:\/\//.test(written)) throw new Problem(KINDS)
  const isSentinel = written.slice(0, written.indexOf(':')).endsWith('+sentinel')
  const form = isSentinel ? SENTINEL_FORM : FORM
  const [match, scheme, , user, hosts = '', path = '', query = ''] = REDIS.exec(written) ?? []
  if (match === undefined) throw new Problem(form + ENCODED)
  const [first, ...others] = hosts.split(',').map((host) => parseHost(host, isSentinel, form))
  const parts = path === '' ? [] : path.split('/')
  const master = isSentinel ? decode(parts.shift() ?? '') : undefined
  if (first === undefined || master === '' || parts.length > 1) throw new Problem(form)
  if (!isSentinel && others.length > 0)
    throw new Problem(`${form}; several hosts need redis+sentinel://`)
  return {
    kind: 'redis',
    tls: scheme === 'rediss',
    hosts: [first, ...others],
    master,
    credentials: user === undefined ? undefined : parseCredentials(user),
    sentinelCredentials: parseQuery(query, isSentinel),
    db: parseDb(parts[0] ?? ''),
  }
}

function parsePath(path: string): string {
  // A control character in a file name is always a mistake.
  if (!/^[^\p{Cc}]+$/u.test(path)) throw new Problem('must name a file after sqlite:')
  if (path.startsWith(':'))
    throw new Problem('must name a file after sqlite:; for no file use memory')
  return path
}

function parseHost(written: string, isSentinel: boolean, form: string): StoreHost {
  const [match, address, name, port] = HOST.exec(written) ?? []
  if (match === undefined) throw new Problem(form + ENCODED)
  const number = port === undefined ? (isSentinel ? 26_379 : 6_379) : Number(port)
  if (number < 1 || number > 65_535) throw new Problem('must have ports between 1 and 65535')
  return { host: address ?? name ?? '', port: number }
}

function parseCredentials(written: string): StoreCredentials {
  const colon = written.indexOf(':')
  const [username, password] = [decode(written.slice(0, colon)), decode(written.slice(colon + 1))]
  // Some clients read `name` in `redis://name@host` as a user, others as a password.
  if (colon < 0 || password === '') {
    throw new Problem('must give a password as user:password@ or :password@')
  }
  return { username: username === '' ? undefined : username, password }
}

function parseQuery(query: string, isSentinel: boolean): StoreCredentials | undefined {
  // URLSearchParams reads `+` as a space. Here it stays `+`, as in the rest of the URL.
  const params = new URLSearchParams(query.replaceAll('+', '%2B'))
  const known = isSentinel ? ['sentinelUsername', 'sentinelPassword'] : []
  if ([...params.keys()].some((name) => !known.includes(name))) {
    const allowed = isSentinel ? 'but sentinelUsername and sentinelPassword ' : ''
    throw new Problem(`must have no parameters ${allowed}after ?`)
  }
  const username = params.get('sentinelUsername') ?? undefined
  const password = params.get('sentinelPassword') ?? undefined
  if (password !== undefined && password !== '') return { username, password }
  if (params.size > 0) throw new Problem('must give a sentinelPassword that is not empty')
  return undefined
}

function parseDb(written: string): number {
  if (written === '') return 0
  if (!/^\d{1,6}$/.test(written))
    throw new Problem('must end in the number of a database, such as /0')
  return Number(written)
}

function decode(written: string): string {
  try {
    return decodeURIComponent(written)
  } catch {
    throw new Problem('must have every % followed by two hex digits')
  }
}
