import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { GatewayError } from '../../../src/lib/errors.ts'
import { openSessionStore } from '../../../src/session/open-session-store.ts'
import type { SessionRecord } from '../../../src/session/session-store.ts'
import { describeStoreContract } from '../../support/session-store-contract.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ghostwire-sqlite-'))
  file = join(folder, 'sessions.db')
})
afterEach(() => rmSync(folder, { recursive: true }))

const TIME = Date.UTC(2026, 0, 1)
const record: SessionRecord = {
  envelope: 'an envelope',
  vault: 'a vault',
  indexes: ['i'],
  generation: 1,
  activeUntil: TIME + 60_000,
  keepUntil: TIME + 120_000,
}
const options = { now: () => TIME }
const failure = async (opening: Promise<unknown>): Promise<GatewayError> => {
  const outcome = await opening.then(
    () => new Error('it opened'),
    (error: unknown) => error,
  )
  return outcome as GatewayError
}

describeStoreContract('sqlite', async () => {
  let time = TIME
  const store = await openSessionStore(`sqlite:${file}`, { now: () => time })
  return {
    open: async () => store,
    now: () => time,
    async pass(ms) {
      time += ms
    },
    end: () => store.close(),
  }
})

describe('the file', () => {
  it('keeps sessions and marks over a restart, and no lease', async () => {
    const before = await openSessionStore(`sqlite:${file}`, options)
    await before.create('a', record)
    await before.raise('jti', 1, 60_000)
    await before.hold('refresh', 'a process that is gone', 60_000)
    await before.close()
    const after = await openSessionStore(`sqlite:${file}`, options)
    expect(await after.read(['a'])).toEqual([record])
    expect(await after.find('i')).toEqual(['a'])
    expect(await after.recall('jti')).toBe('1')
    expect(await after.hold('refresh', 'this process', 60_000)).toBe(true)
    await after.close()
  })

  it('is for its owner alone, also when it was wider before', async () => {
    writeFileSync(file, '', { mode: 0o644 })
    chmodSync(file, 0o644)
    const store = await openSessionStore(`sqlite:${file}`)
    await store.create('a', record)
    for (const suffix of ['', '-wal']) expect(statSync(file + suffix).mode & 0o777).toBe(0o600)
    await store.close()
  })

  it('forgets for good what has had its time', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    let time = TIME
    const store = await openSessionStore(`sqlite:${file}`, { now: () => time })
    await store.create('a', { ...record, envelope: 'a trace of somebody' })
    await store.raise('a trace of a token', 1, 60_000)
    time += 120_000
    vi.advanceTimersByTime(60_000)
    vi.useRealTimers()
    await store.close()
    const database = new DatabaseSync(file)
    for (const table of ['session', 'session_index', 'ended', 'mark']) {
      expect(database.prepare(`SELECT count(*) AS count FROM ${table}`).get()).toEqual({ count: 0 })
    }
    database.close()
  })

  it('of version 0.1 is emptied, as its records open nowhere any more', async () => {
    const old = new DatabaseSync(file)
    old.exec(`
      CREATE TABLE session (id TEXT PRIMARY KEY, generation INTEGER NOT NULL, envelope TEXT NOT NULL, vault TEXT,
        active_until INTEGER NOT NULL, keep_until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      CREATE TABLE session_index (id TEXT NOT NULL REFERENCES session ON DELETE CASCADE, hash TEXT NOT NULL,
        PRIMARY KEY (id, hash)) STRICT, WITHOUT ROWID;
      CREATE TABLE mark (key TEXT PRIMARY KEY, value TEXT NOT NULL, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      INSERT INTO session VALUES ('a', 1, 'e', 'v', ${TIME + 60_000}, ${TIME + 60_000});
      INSERT INTO session_index VALUES ('a', 'i');
      PRAGMA application_id = 1199002483;
      PRAGMA user_version = 1;
    `)
    old.close()
    const store = await openSessionStore(`sqlite:${file}`, options)
    expect(await store.read(['a'])).toEqual([undefined])
    expect(await store.find('i')).toEqual([])
    await store.create('a', record)
    expect(await store.find('i')).toEqual(['a'])
    await store.close()
  })

  it('is refused to a second opening while it is open, and free afterwards', async () => {
    const first = await openSessionStore(`sqlite:${file}`)
    const { code, message } = await failure(openSessionStore(`sqlite:${file}`))
    expect(code).toBe('settings-invalid')
    expect(message).toBe(
      `session.store: ${file} is in use by another process: one gateway has it for itself; several need a Redis store`,
    )
    await first.close()
    await (await openSessionStore(`sqlite:${file}`)).close()
  })
})

describe('a file that will not do is refused in words', () => {
  const refusal = async (path: string): Promise<string> => {
    const { code, message, cause } = await failure(openSessionStore(`sqlite:${path}`))
    expect(code).toBe('settings-invalid')
    expect(cause).toBeInstanceOf(Error)
    return message
  }

  it('when it is something else', async () => {
    writeFileSync(file, 'sessions: none\n'.repeat(500))
    expect(await refusal(file)).toBe(
      `session.store: ${file} is not a session database; name another file`,
    )
    expect(readFileSync(file, 'utf8')).toMatch(/^sessions: none/)
  })

  it("when it is another program's database", async () => {
    const database = new DatabaseSync(file)
    database.exec('CREATE TABLE theirs (x)')
    database.close()
    expect(await refusal(file)).toContain(`${file} is another program's database`)
  })

  it('when another version wrote it', async () => {
    await (await openSessionStore(`sqlite:${file}`)).close()
    const database = new DatabaseSync(file)
    database.exec('CREATE TABLE theirs (x); PRAGMA user_version = 99')
    database.close()
    const before = readFileSync(file)
    expect(await refusal(file)).toContain(`${file} was written by another version of the gateway`)
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  it.each([
    ['its first page is damaged', 100],
    ['a page in the middle is damaged', 3 * 4_096],
    ['its end is missing', undefined],
  ])('when %s', async (_, at) => {
    const store = await openSessionStore(`sqlite:${file}`, options)
    for (let n = 0; n < 200; n += 1) {
      await store.create(`session ${n}`, { ...record, indexes: [`i${n}`] })
    }
    await store.close()
    const bytes = readFileSync(file)
    if (at !== undefined) bytes.fill(0xa5, at, at + 2_000)
    writeFileSync(file, at === undefined ? bytes.subarray(0, bytes.length - 2 * 4_096) : bytes)
    expect(await refusal(file)).toContain(`${file} is damaged; move it away`)
  })

  it('when its folder is not there, or is a file, or it is a folder itself', async () => {
    mkdirSync(file)
    expect(await refusal(file)).toBe(`session.store: ${file} is not a file`)
    expect(statSync(file).mode & 0o777).toBe(0o755)
    const inNoFolder = join(folder, 'none', 'sessions.db')
    expect(await refusal(inNoFolder)).toContain(`${inNoFolder} cannot be made: there is no such`)
    writeFileSync(join(folder, 'plain'), '')
    const inFile = join(folder, 'plain', 'sessions.db')
    expect(await refusal(inFile)).toContain(`${inFile} cannot be made: there is no such folder`)
  })

  it('when the gateway may not write it, or not into its folder', async () => {
    await (await openSessionStore(`sqlite:${file}`)).close()
    chmodSync(file, 0o400)
    chmodSync(folder, 0o555)
    const [unwritable, unmade] = await asNobody(() =>
      Promise.all([refusal(file), refusal(join(folder, 'new.db'))]),
    )
    chmodSync(folder, 0o755)
    expect(unwritable).toMatch(/sessions\.db cannot be (written|opened)/)
    expect(unmade).toContain('new.db cannot be made: permission denied')
  })
})

describe('a call that fails', () => {
  it('says that the store is unavailable and leaves everything as it was', async () => {
    const store = await openSessionStore(`sqlite:${file}`, options)
    await store.create('a', record)
    const unstorable = { ...record, generation: 2, indexes: ['other'], keepUntil: TIME + 0.5 }
    for (const call of [store.create('b', unstorable), store.replace('a', unstorable, 1)]) {
      await expect(call).rejects.toMatchObject({
        code: 'store-unavailable',
        cause: { message: expect.stringContaining('cannot store REAL value') as string },
      })
    }
    expect(await store.read(['a', 'b'])).toEqual([record, undefined])
    expect(await store.find('other')).toEqual([])
    expect(await store.replace('a', { ...record, generation: 2 }, 1)).toBe(true)
    await store.close()
  })

  it('is told once a minute, whatever the number of calls', async () => {
    let time = TIME
    const told: string[] = []
    const store = await openSessionStore(`sqlite:${file}`, {
      now: () => time,
      onTrouble: ({ code, cause }) => told.push(`${code}: ${(cause as Error).message}`),
    })
    await store.close()
    const fail = (): Promise<unknown> => failure(store.read(['a']))
    await Promise.all([fail(), fail(), fail()])
    expect(told).toEqual(['store-unavailable: statement has been finalized'])
    time += 60_000
    await fail()
    expect(told).toHaveLength(2)
  })
})

/** Root may write everything, so that as root the call is made in the name of nobody. */
async function asNobody<T>(call: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return call()
  process.seteuid?.(65_534)
  try {
    return await call()
  } finally {
    process.seteuid?.(0)
  }
}
