import { describe, expect, it } from 'vitest'
import { parseStoreAddress, type RedisAddress } from '../../../src/lib/store-address.ts'

const REDIS: RedisAddress = {
  kind: 'redis',
  tls: false,
  hosts: [{ host: 'redis', port: 6379 }],
  master: undefined,
  credentials: undefined,
  sentinelCredentials: undefined,
  db: 0,
}

describe('the address of a store', () => {
  it.each([
    ['memory', { kind: 'memory' }],
    ['sqlite:/data/sessions.db', { kind: 'sqlite', path: '/data/sessions.db' }],
    ['sqlite:sessions.db', { kind: 'sqlite', path: 'sessions.db' }],
    ['sqlite:///data/a b@c.db', { kind: 'sqlite', path: '///data/a b@c.db' }],
    ['redis://redis', REDIS],
    ['redis://redis:6379/', REDIS],
    [
      'rediss://redis:7000/3',
      { ...REDIS, tls: true, hosts: [{ host: 'redis', port: 7000 }], db: 3 },
    ],
    ['redis://[fd00::1]:7000', { ...REDIS, hosts: [{ host: 'fd00::1', port: 7000 }] }],
    [
      'redis://:secret@redis',
      { ...REDIS, credentials: { username: undefined, password: 'secret' } },
    ],
    [
      'redis://us%40er:p%3A%2F%3F%23%25@w@redis',
      { ...REDIS, credentials: { username: 'us@er', password: 'p:/?#%@w' } },
    ],
    [
      'redis+sentinel://a,b:7000,[fd00::1]/main',
      {
        ...REDIS,
        hosts: [
          { host: 'a', port: 26379 },
          { host: 'b', port: 7000 },
          { host: 'fd00::1', port: 26379 },
        ],
        master: 'main',
      },
    ],
    [
      'rediss+sentinel://u:p@a/my%20main/2?sentinelUsername=s&sentinelPassword=t%26+',
      {
        ...REDIS,
        tls: true,
        hosts: [{ host: 'a', port: 26379 }],
        master: 'my main',
        credentials: { username: 'u', password: 'p' },
        sentinelCredentials: { username: 's', password: 't&+' },
        db: 2,
      },
    ],
  ])('is parsed: %s', (written, address) => {
    expect(parseStoreAddress(written)).toEqual({ ok: true, address })
  })

  it.each([
    ['', 'must be memory, sqlite:PATH, redis://…'],
    ['Memory', 'must be memory, sqlite:PATH, redis://…'],
    ['http://redis', 'must be memory, sqlite:PATH, redis://…'],
    ['redis:x:hunter2@redis', 'must be memory, sqlite:PATH, redis://…'],
    ['sqlite:', 'must name a file after sqlite:'],
    ['sqlite:/data\n/a.db', 'must name a file after sqlite:'],
    ['sqlite::memory:', 'must name a file after sqlite:; for no file use memory'],
    ['redis://', 'must have the form redis://[user:password@]host[:port][/db]'],
    ['redis:///0', 'must have the form redis://[user:password@]host[:port][/db]'],
    ['redis://redis/0#hunter2', 'must have the form redis://'],
    ['redis://redis:hunter2', 'must have the form redis://'],
    [
      'redis://:hunter2/@redis',
      'must have the form redis://[user:password@]host[:port][/db], with @ : /',
    ],
    ['redis://:hun ter2@redis', 'must have the form redis://'],
    [
      'redis://a,b',
      'must have the form redis://[user:password@]host[:port][/db]; several hosts need redis+sentinel://',
    ],
    ['redis://redis/0/1', 'must have the form redis://'],
    ['redis://redis:0', 'must have ports between 1 and 65535'],
    ['redis://redis:70000', 'must have ports between 1 and 65535'],
    ['redis://redis/main', 'must end in the number of a database, such as /0'],
    ['redis://hunter2@redis', 'must give a password as user:password@ or :password@'],
    ['redis://user:@redis', 'must give a password as user:password@ or :password@'],
    ['redis://:hunter2%@redis', 'must have every % followed by two hex digits'],
    ['redis://redis?password=hunter2', 'must have no parameters after ?'],
    ['redis+sentinel://a,b', 'must have the form redis+sentinel://'],
    ['redis+sentinel://a,b/', 'must have the form redis+sentinel://'],
    ['redis+sentinel://a,,b/main', 'must have the form redis+sentinel://'],
    ['redis+sentinel://a/main/0/1', 'must have the form redis+sentinel://'],
    ['redis+sentinel://a/main?db=1', 'must have no parameters but sentinelUsername and'],
    ['redis+sentinel://a/main?sentinelUsername=u', 'must give a sentinelPassword'],
  ])('is refused, and the message does not repeat it: %s', (written, start) => {
    const parsed = parseStoreAddress(written)
    if (parsed.ok) throw new Error('it was read')
    expect(parsed.problem.slice(0, start.length)).toBe(start)
    expect(parsed.problem).not.toContain('hunter2')
  })
})
