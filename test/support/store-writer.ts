// An attacker who can write everything in a session store, and the gateways that use it, with a real Redis or a real
// SQLite file.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Redis } from 'ioredis'
import type { Settings } from '../../src/config/config.ts'
import { gatewayId } from '../../src/session/gateway-id.ts'
import { openSessionStore } from '../../src/session/open-session-store.ts'
import { PresenceBook } from '../../src/session/presence.ts'
import type { SessionStore } from '../../src/session/session-store.ts'
import type { Opening, Session } from '../../src/session/session.ts'
import { Sessions } from '../../src/session/sessions.ts'
import { startRedis } from './redis-server.ts'

export const DESK = 'https://desk.example.com'
const HOUR = 3_600_000

/** Every stored record as its writer sees it, by `gateway id`. */
export type RawRecords = Map<string, Record<string, unknown>>

export interface Replica {
  readonly sessions: Sessions
  readonly store: SessionStore
  /** The messages that were logged. */
  readonly told: readonly string[]
}

export interface AttackedStore {
  /** A replica that has just started. */
  start(publicUrl?: string, sessionsPerPerson?: number): Promise<Replica>
  /** Writes records past the gateway. No replica that was started before may be used again with SQLite. */
  edit(change: (records: RawRecords) => void): Promise<void>
  readonly redis: Redis | undefined
  stop(): Promise<void>
}

export const keyOf = (id: string, publicUrl = DESK): string =>
  `${gatewayId(new URL(publicUrl))} ${id}`

export async function signIn({ sessions }: Replica, sub = 'alice'): Promise<SignedIn> {
  const opening: Opening = {
    identity: {
      provider: 'oidc',
      iss: 'https://id.example.com',
      sub,
      sid: `${sub} at the provider`,
      email: undefined,
      emailCounts: false,
      name: undefined,
      preferredUsername: undefined,
      groups: [],
      claims: {},
    },
    role: 'control',
    clipboardIn: 'allow',
    rule: 'allowAnyone',
    address: '192.0.2.1',
    vault: { idToken: 'id-token', refreshToken: 'refresh-token' },
    issuedAt: Date.now() / 1_000,
    tokensExpireAt: undefined,
  }
  const opened = await sessions.open(opening)
  if (opened === undefined) throw new Error('no session')
  return opened
}

export interface SignedIn {
  readonly session: Session
  readonly cookie: string
}

async function startReplica(
  url: string,
  publicUrl: string,
  sessionsPerPerson: number,
): Promise<Replica> {
  const told: string[] = []
  const store = await openSessionStore(url, {
    gatewayId: gatewayId(new URL(publicUrl)),
    onTrouble: ({ cause }) => told.push((cause as Error).message),
  })
  const session = {
    secrets: ['a secret of at least thirty-two bytes, surely'],
    maxLifetime: 12 * HOUR,
    idleTimeout: 0,
    idleReauth: false,
  }
  const limits = { sessionsPerPerson }
  const current = { publicUrl: new URL(publicUrl), session, limits } as unknown as Settings
  const presence = new PresenceBook({ current }, store, Date.now)
  presence.stop()
  return {
    store,
    told,
    sessions: new Sessions({ current }, store, presence, Date.now, (one) => one),
  }
}

export async function attackRedis(): Promise<AttackedStore> {
  const server = await startRedis()
  const redis = new Redis(server.port, '127.0.0.1')
  const stores: SessionStore[] = []
  return {
    redis,
    async start(publicUrl = DESK, sessionsPerPerson = 20) {
      const replica = await startReplica(server.url, publicUrl, sessionsPerPerson)
      stores.push(replica.store)
      return replica
    },
    async edit(change) {
      const records: RawRecords = new Map()
      for (const key of await redis.keys('ghostwire:*:session:*')) {
        const [, gateway = '', , id = ''] = key.split(':')
        const text = (await redis.get(key)) ?? ''
        records.set(`${gateway} ${id}`, JSON.parse(text) as Record<string, unknown>)
      }
      const before = [...records.keys()]
      change(records)
      const name = (key: string): string => `ghostwire:${key.replace(' ', ':session:')}`
      await redis.del(...before.map(name))
      for (const [key, record] of records) await redis.set(name(key), JSON.stringify(record))
    },
    async stop() {
      redis.disconnect()
      await Promise.all(stores.map((store) => store.close()))
      await server.remove()
    },
  }
}

export async function attackSqlite(): Promise<AttackedStore> {
  const folder = mkdtempSync(join(tmpdir(), 'ghostwire-attack-'))
  const file = join(folder, 'sessions.db')
  // One process has exclusive use of the file, so a writer must wait until the gateway has stopped.
  let store: SessionStore | undefined
  return {
    redis: undefined,
    async start(publicUrl = DESK, sessionsPerPerson = 20) {
      await store?.close()
      const replica = await startReplica(`sqlite:${file}`, publicUrl, sessionsPerPerson)
      store = replica.store
      return replica
    },
    async edit(change) {
      await store?.close()
      const database = new DatabaseSync(file)
      const records: RawRecords = new Map()
      for (const row of database.prepare('SELECT * FROM session').all()) {
        const { gateway, id, ...rest } = row as Record<string, string>
        const found = database
          .prepare('SELECT hash FROM session_index WHERE gateway = ? AND id = ?')
          .all(gateway ?? '', id ?? '')
        const { generation, envelope, vault, active_until, keep_until } = rest
        records.set(`${gateway} ${id}`, {
          generation,
          envelope,
          vault,
          activeUntil: active_until,
          keepUntil: keep_until,
          indexes: found.map((one) => one['hash']),
        })
      }
      change(records)
      database.exec('DELETE FROM session')
      for (const [key, record] of records) {
        const [gateway = '', id = ''] = key.split(' ')
        const { generation, envelope, vault, activeUntil, keepUntil, indexes } = record
        const values = [generation, envelope, vault ?? null, activeUntil, keepUntil] as string[]
        database
          .prepare('INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?)')
          .run(gateway, id, ...values)
        for (const hash of indexes as string[])
          database.prepare('INSERT INTO session_index VALUES (?, ?, ?)').run(gateway, id, hash)
      }
      database.close()
    },
    async stop() {
      await store?.close()
      rmSync(folder, { recursive: true })
    },
  }
}
