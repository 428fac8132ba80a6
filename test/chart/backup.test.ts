// What the backup's CronJobs run, run as they would: the rendered commands with the rendered environment and Debian's restic, on
// real files. Only the paths of the mounts are those of a temporary folder.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../support/until.ts'
import { podOwners } from './support/objects.ts'
import { renderedObjects } from './support/renders.ts'

const VALUES = 'chart/ci/backup-claim-values.yaml'
const IS_ROOT = process.getuid?.() === 0
/** The user of kasmweb images, which the pods run as. */
const USER = 1000

let folder: string
let data: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ghostwire-backup-'))
  data = join(folder, 'data')
  for (const name of ['data', 'backup', 'tmp', 'secrets']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'secrets/password'), 'correct horse battery staple')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A mounted path, in the temporary folder. */
function moved(text: string): string {
  return text
    .replaceAll(/(?<![\w./-])\/(data|backup|tmp)(?![\w-])/g, `${folder}/$1`)
    .replaceAll('/run/secrets/backup', `${folder}/secrets`)
}

interface Command {
  readonly words: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
}

function commandOf(job: string, more: Readonly<Record<string, string>> = {}): Command {
  const owner = podOwners(renderedObjects(VALUES)).find(
    ({ name }) => name === `CronJob/desk-ghostwire-${job}`,
  )
  const [container] = owner?.template.spec.containers ?? []
  if (container === undefined) throw new Error(`${VALUES} renders no ${job}`)
  const { command = [], args = [], env = [] } = container
  const rendered = env.map(({ name, value = '' }) => [name, moved(value)] as const)
  // The certificate is for a server, and a folder has none.
  const own = Object.fromEntries(rendered.filter(([name]) => name !== 'RESTIC_CACERT'))
  return {
    words: [...command, ...args].map(moved),
    env: { PATH: process.env['PATH'], ...own, ...more },
  }
}

interface Ended {
  readonly code: number | null
  readonly said: string
}

function run(job: string, more: Readonly<Record<string, string>> = {}, uid?: number): Ended {
  const { words, env } = commandOf(job, more)
  const [program = '', ...rest] = words
  const options = uid === undefined ? {} : { uid, gid: uid }
  const { status, stdout, stderr } = spawnSync(program, rest, {
    env,
    encoding: 'utf8',
    ...options,
  })
  return { code: status, said: stdout + stderr }
}

function succeed(job: string, more: Readonly<Record<string, string>> = {}): string {
  const { code, said } = run(job, more)
  expect(code, said).toBe(0)
  return said
}

interface Snapshot {
  readonly short_id: string
  readonly time: string
  readonly tags: readonly string[]
  readonly hostname: string
}

function restic(...words: string[]): string {
  const { env } = commandOf('backup')
  return execFileSync('restic', words, { env, encoding: 'utf8' })
}

function snapshots(tag = 'home'): Snapshot[] {
  return JSON.parse(restic('snapshots', '--json', '--tag', tag)) as Snapshot[]
}

/** Path → what it is: permissions, owner, time, and hash of the content or target. */
function treeOf(root: string): Record<string, string> {
  return Object.fromEntries(entriesOf(Buffer.from(root), ''))
}

/** Names as bytes: not all of them are UTF-8. */
function* entriesOf(place: Buffer, prefix: string): Generator<[path: string, facts: string]> {
  for (const name of readdirSync(place, { encoding: 'buffer' })) {
    const path = Buffer.concat([place, Buffer.from('/'), name])
    const label = `${prefix}${name.toString('latin1')}`
    const facts = lstatSync(path)
    const content = facts.isFile()
      ? createHash('sha256').update(readFileSync(path)).digest('hex')
      : facts.isSymbolicLink()
        ? readlinkSync(path)
        : ''
    const { mode, uid, gid, mtimeMs } = facts
    yield [label, [mode.toString(8), uid, gid, Math.floor(mtimeMs), content].join(' ')]
    if (facts.isDirectory()) yield* entriesOf(path, `${label}/`)
  }
}

/** What a home directory has, and what a careless copy loses. */
function furnish(): void {
  mkdirSync(join(data, '.config/Signal'), { recursive: true })
  mkdirSync(join(data, 'empty folder'))
  writeFileSync(join(data, '.config/Signal/config.json'), '{"key":"0123"}', { mode: 0o600 })
  writeFileSync(join(data, 'empty'), '')
  writeFileSync(join(data, 'large'), Buffer.alloc(3 << 20, 'ghostwire'))
  writeFileSync(join(data, 'run me'), '#!/bin/sh\n', { mode: 0o755 })
  writeFileSync(join(data, 'Grüße\n“zwei Zeilen” * $HOME'), 'odd name')
  writeFileSync(Buffer.concat([Buffer.from(`${data}/`), Buffer.from([0xff, 0xfe])]), 'not UTF-8')
  writeFileSync(join(data, '-rf'), 'an option?')
  symlinkSync('run me', join(data, 'link'))
  symlinkSync('/nowhere', join(data, 'dangling'))
  chmodSync(join(data, 'run me'), 0o751)
  utimesSync(join(data, 'empty'), 1_000_000_000, 1_000_000_000)
  mkdirSync(join(data, 'read-only'))
  writeFileSync(join(data, 'read-only/kept'), 'x')
  chmodSync(join(data, 'read-only'), 0o555)
}

function damage(): void {
  rmSync(join(data, '.config'), { recursive: true })
  writeFileSync(join(data, 'large'), 'short')
  writeFileSync(join(data, 'ransom note'), 'pay')
  rmSync(join(data, 'link'))
  mkdirSync(join(data, 'link'))
}

describe('a backup', () => {
  it('brings back every byte, permission, time and name after damage, and removes what came with it', () => {
    furnish()
    const before = treeOf(data)
    succeed('backup')
    damage()
    expect(treeOf(data)).not.toEqual(before)
    succeed('restore', { RESTORE_SNAPSHOT: 'latest' })
    expect(treeOf(data)).toEqual(before)
  })

  it('leaves out the cache and nothing else', () => {
    furnish()
    mkdirSync(join(data, '.cache'))
    writeFileSync(join(data, '.cache/page'), 'x')
    succeed('backup')
    const listed = restic('ls', 'latest')
    expect(listed).not.toContain('.cache')
    expect(listed).toContain('/.config/Signal/config.json')
  })

  it('is in the list of the release, and no other is', () => {
    succeed('backup')
    restic('backup', '--host', 'other.home', '--tag', 'home', data)
    const said = succeed('verify', { BACKUP_LIST: 'yes' })
    expect(said).toContain(`${snapshots()[0]?.short_id}`)
    expect(said).toMatch(/^1 snapshots$/m)
  })

  it('brings back an older state by its identifier', () => {
    writeFileSync(join(data, 'note'), 'first')
    succeed('backup')
    const [first] = snapshots()
    writeFileSync(join(data, 'note'), 'second')
    succeed('backup')
    succeed('restore', { RESTORE_SNAPSHOT: first?.short_id ?? '' })
    expect(readFileSync(join(data, 'note'), 'utf8')).toBe('first')
  })

  it('is verified, and a verification finds a damaged repository', () => {
    furnish()
    succeed('backup')
    succeed('verify', { VERIFY_READ: '100%' })
    const repository = join(folder, 'backup/desk/data')
    const [pack = ''] = readdirSync(repository, { recursive: true, encoding: 'utf8' })
      .map((name) => join(repository, name))
      .filter((path) => lstatSync(path).isFile())
      .sort((one, other) => lstatSync(other).size - lstatSync(one).size)
    const bytes = readFileSync(pack)
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0xff
    chmodSync(pack, 0o600)
    writeFileSync(pack, bytes)
    expect(run('verify', { VERIFY_READ: '100%' }).code).not.toBe(0)
  })

  it('with another password stops with words, and makes no second repository', () => {
    succeed('backup')
    writeFileSync(join(folder, 'secrets/password'), 'another password')
    const { code, said } = run('backup')
    expect(code).not.toBe(0)
    expect(said).toContain('wrong password')
    expect(said).not.toContain('Creating it')
  })

  it.runIf(IS_ROOT)('fails where it cannot read a file, and says which', () => {
    execFileSync('chown', ['-R', `${USER}:${USER}`, folder])
    writeFileSync(join(data, 'of root'), 'x', { mode: 0o600 })
    const { code, said } = run('backup', {}, USER)
    expect(code).toBe(3)
    expect(said).toMatch(/of root: permission denied/)
  })

  it('goes well where the desktop only deleted files in the meantime', () => {
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    // Nobody can time that: the real restic runs, and this reports what it would.
    const real = execFileSync('sh', ['-c', 'command -v restic'], { encoding: 'utf8' }).trim()
    writeFileSync(
      join(bin, 'restic'),
      `#!/bin/sh\n${real} "$@" || exit\n[ "$1" != backup ] || { echo "error: lstat /data/a: no such file or directory" >&2; exit 3; }\n`,
      { mode: 0o755 },
    )
    const { code, said } = run('backup', { PATH: `${bin}:${process.env['PATH']}` })
    expect(code, said).toBe(0)
    expect(said).toContain('deleted files during the backup')
  })

  it('waits while another job holds the repository', async () => {
    succeed('backup')
    const { env } = commandOf('backup')
    const lock = join(folder, 'backup/desk/locks')
    // `prune` holds it alone. Stopped in the middle, it holds it until it goes on.
    const holder = spawn('restic', ['check', '--read-data'], { env, stdio: 'ignore' })
    await until(() => readdirSync(lock).length > 0)
    holder.kill('SIGSTOP')
    const { words, env: own } = commandOf('backup')
    const [program = '', ...rest] = words
    const waiting = spawn(program, rest, { env: own })
    let said = ''
    for (const stream of [waiting.stdout, waiting.stderr])
      stream.setEncoding('utf8').on('data', (piece: string) => (said += piece))
    await until(() => said.includes('already locked'))
    holder.kill('SIGCONT')
    const [code] = (await once(waiting, 'close')) as [number | null]
    expect(code, said).toBe(0)
    expect(snapshots()).toHaveLength(2)
  })

  it('that was killed in the middle leaves what the next one needs, and no half backup', async () => {
    writeFileSync(join(data, 'first'), 'x')
    succeed('backup')
    for (let index = 0; index < 40; index += 1)
      writeFileSync(join(data, `large ${index}`), Buffer.from(`${index}`.repeat(1 << 20)))
    const { words, env } = commandOf('backup')
    const [program = '', ...rest] = words
    const killed = spawn(program, rest, { env, detached: true, stdio: 'ignore' })
    const closed = once(killed, 'close')
    const locks = join(folder, 'backup/desk/locks')
    await until(() => readdirSync(locks).length > 0)
    process.kill(-(killed.pid ?? 0), 'SIGKILL')
    await closed
    expect(snapshots()).toHaveLength(1)
    const before = treeOf(data)
    succeed('backup')
    expect(snapshots()).toHaveLength(2)
    succeed('verify', { VERIFY_READ: '100%' })
    damage40()
    succeed('restore', { RESTORE_SNAPSHOT: 'latest' })
    expect(treeOf(data)).toEqual(before)
  })

  function damage40(): void {
    for (let index = 0; index < 40; index += 2) rmSync(join(data, `large ${index}`))
  }

  it('to a full destination fails with words, leaves the older backups whole, and works again after that', () => {
    writeFileSync(join(data, 'small'), 'x')
    succeed('backup')
    writeFileSync(
      join(data, 'incompressible'),
      execFileSync('head', ['-c', '6000000', '/dev/urandom'], { maxBuffer: 8 << 20 }),
    )
    const { words, env } = commandOf('backup')
    // A limit for the size of each file stands for a full disk: both end a write in the middle.
    const [program = '', flag = '', script = ''] = words
    const full = spawnSync(program, [flag, `ulimit -f 1000\n${script}`], { env, encoding: 'utf8' })
    expect(full.status, full.stdout + full.stderr).not.toBe(0)
    expect(snapshots()).toHaveLength(1)
    expect(run('verify').code).toBe(0)
    succeed('backup')
    expect(snapshots()).toHaveLength(2)
  })

  it.runIf(canMount())('to a full disk fails with its words', () => {
    const disk = join(folder, 'backup')
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk])
    try {
      const bytes = execFileSync('head', ['-c', '6000000', '/dev/urandom'], { maxBuffer: 8 << 20 })
      writeFileSync(join(data, 'incompressible'), bytes)
      const { code, said } = run('backup')
      expect(code).not.toBe(0)
      expect(said).toContain('no space left on device')
    } finally {
      execFileSync('umount', [disk])
    }
  })
})

describe('retention', () => {
  /** Ages in days → the ages of what is left. */
  function leftOf(ages: readonly number[]): number[] {
    succeed('backup')
    const noon = Date.parse(`${new Date().toISOString().slice(0, 10)}T12:00:00Z`)
    const { BACKUP_HOST: host = '' } = commandOf('backup').env
    for (const age of ages) {
      const time = new Date(noon - age * 86_400_000).toISOString().slice(0, 19).replace('T', ' ')
      restic('backup', '--quiet', '--host', host, '--tag', 'home', '--time', time, data)
    }
    succeed('backup')
    return snapshots()
      .map(({ time }) => Math.round((noon - Date.parse(time)) / 86_400_000))
      .filter((age) => age >= 1)
      .sort((one, other) => one - other)
  }

  it('keeps every backup of its days, then one a week and one a month', () => {
    const left = leftOf([1, 3, 6, 20, 40, 60, 80, 110, 140, 170, 200, 230])
    // 7 days; the last of 4 weeks, of which these days are one or two; the last of 6 months, which this one is among.
    expect(left.slice(0, 4)).toEqual([1, 3, 6, 20])
    expect(left).toContain(110)
    expect(Math.max(...left)).toBeLessThan(200)
  })

  it('keeps the newest backup however old it is', () => {
    succeed('backup')
    const { BACKUP_HOST: host = '', BACKUP_KEEP: keep = '' } = commandOf('backup').env
    const [made] = snapshots()
    restic('backup', '--host', host, '--tag', 'home', '--time', '2020-01-01 00:00:00', data)
    restic('forget', made?.short_id ?? '')
    restic('forget', '--host', host, ...keep.split(' '))
    expect(snapshots()).toHaveLength(1)
  })

  it('leaves the backups of another release alone', () => {
    succeed('backup')
    // Of the first two, these rules would keep one.
    for (const time of ['2020-01-01 00:00:00', '2020-01-01 01:00:00', '2020-06-01 00:00:00'])
      restic('backup', '--host', 'other.home', '--tag', 'home', '--time', time, data)
    succeed('backup')
    expect(snapshots().filter(({ hostname }) => hostname === 'other.home')).toHaveLength(3)
  })
})

describe('a restore', () => {
  it('without the name of a snapshot does nothing', () => {
    furnish()
    const before = treeOf(data)
    succeed('backup')
    const { code, said } = run('restore')
    expect(code).toBe(64)
    expect(said).toContain('RESTORE_SNAPSHOT')
    expect(treeOf(data)).toEqual(before)
  })

  it.each(['0123abcd', 'latest'])('of %s that is not there deletes nothing', (snapshot) => {
    furnish()
    const before = treeOf(data)
    restic('init')
    const { code, said } = run('restore', { RESTORE_SNAPSHOT: snapshot })
    expect(code).not.toBe(0)
    expect(said).toMatch(/no snapshot|no matching ID/i)
    expect(treeOf(data)).toEqual(before)
  })

  it('backs up first what it deletes, and that can be restored too', () => {
    writeFileSync(join(data, 'note'), 'old')
    succeed('backup')
    writeFileSync(join(data, 'note'), 'newer than the backup')
    succeed('restore', { RESTORE_SNAPSHOT: 'latest' })
    expect(readFileSync(join(data, 'note'), 'utf8')).toBe('old')
    const [saved] = snapshots('before-restore')
    succeed('restore', { RESTORE_SNAPSHOT: saved?.short_id ?? '' })
    expect(readFileSync(join(data, 'note'), 'utf8')).toBe('newer than the backup')
  })

  it('skips that where it is told to', () => {
    succeed('backup')
    succeed('restore', { RESTORE_SNAPSHOT: 'latest', RESTORE_SKIP_BACKUP: 'yes' })
    expect(snapshots('before-restore')).toEqual([])
  })

  it.runIf(IS_ROOT)('works as the user of the pod, on a claim whose root belongs to root', () => {
    furnish()
    execFileSync('chown', ['-R', '-h', `${USER}:${USER}`, folder])
    chownSync(data, 0, USER)
    chmodSync(data, 0o2775)
    mkdirSync(join(data, 'lost+found'), { mode: 0o700 })
    const before = treeOf(data)
    expect(run('backup', {}, USER)).toMatchObject({ code: 0 })
    damage()
    for (const name of ['link', 'ransom note']) chownSync(join(data, name), USER, USER)
    const restored = run('restore', { RESTORE_SNAPSHOT: 'latest' }, USER)
    expect(restored.code, restored.said).toBe(0)
    expect(treeOf(data)).toEqual(before)
  })
})

describe('a SQLite database in WAL mode, under write load', () => {
  const WRITER = `
    const { DatabaseSync } = require('node:sqlite')
    const database = new DatabaseSync(process.argv[1])
    database.exec('PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS row (id INTEGER PRIMARY KEY, text TEXT)')
    const insert = database.prepare('INSERT INTO row (text) VALUES (?)')
    for (let written = 1; ; written += 1) {
      insert.run('x'.repeat(500))
      if (written % 100 === 0) process.stdout.write(written + '\\n')
    }`

  // A volume snapshot holds the files as they were at one moment, and so does a claim whose desktop was stopped hard.
  it('is sound when it was backed up as it was at one moment, with every row that was committed', async () => {
    const live = join(folder, 'live')
    mkdirSync(live)
    const writer = spawn(process.execPath, [
      '--no-warnings',
      '--eval',
      WRITER,
      join(live, 'messages.db'),
    ])
    let committed = 0
    writer.stdout.setEncoding('utf8').on('data', (piece: string) => {
      committed = Number(piece.trim().split('\n').at(-1))
    })
    await until(() => committed >= 2_000)
    writer.kill('SIGSTOP')
    await new Promise((resolve) => setTimeout(resolve, 50))
    const rows = committed
    cpSync(live, data, { recursive: true })
    writer.kill('SIGKILL')
    await once(writer, 'close')
    expect(existsSync(join(data, 'messages.db-wal'))).toBe(true)

    succeed('backup')
    for (const name of readdirSync(data)) rmSync(join(data, name))
    succeed('restore', { RESTORE_SNAPSHOT: 'latest' })
    const database = new DatabaseSync(join(data, 'messages.db'))
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    const { count } = database.prepare('SELECT count(*) AS count FROM row').get() as {
      count: number
    }
    database.close()
    expect(count).toBeGreaterThanOrEqual(rows)
  })

  // Of a database in use, nothing is promised (docs/backup-and-restore.md); of everything beside it, all.
  it('does not stop the backup of a desktop in use, nor spoil what is beside it', async () => {
    furnish()
    const before = treeOf(data)
    const writer = spawn(process.execPath, [
      '--no-warnings',
      '--eval',
      WRITER,
      join(data, 'messages.db'),
    ])
    await once(writer.stdout, 'data')
    const { words, env } = commandOf('backup')
    const [program = '', ...rest] = words
    const child = spawn(program, rest, { env, stdio: 'ignore' })
    const [code] = (await once(child, 'close')) as [number | null]
    writer.kill('SIGKILL')
    await once(writer, 'close')
    expect(code).toBe(0)
    damage()
    succeed('restore', { RESTORE_SNAPSHOT: 'latest' })
    const after = Object.entries(treeOf(data)).filter(([name]) => !name.startsWith('messages.db'))
    expect(Object.fromEntries(after)).toEqual(before)
  })
})

function canMount(): boolean {
  const place = mkdtempSync(join(tmpdir(), 'ghostwire-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', place], { stdio: 'ignore' })
    execFileSync('umount', [place])
    return true
  } catch {
    return false
  } finally {
    rmSync(place, { recursive: true })
  }
}
