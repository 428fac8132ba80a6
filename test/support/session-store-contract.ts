// The contract of every session store (src/session/session-store.ts), as one suite that each store must pass.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SessionRecord, SessionStore } from '../../src/session/session-store.ts'
import { until } from './until.ts'

export interface StoreUnderTest {
  /** Another client of the same sessions, or the same client if a store allows only one. */
  open(): Promise<SessionStore>
  now(): number
  /** Lets time pass on the store's clock. */
  pass(ms: number): Promise<void>
  end(): Promise<void>
}

const HOUR = 3_600_000
/** Long enough for a busy machine to see the value before it expires, because some stores use the real clock. */
const SHORT = 1_500

export function describeStoreContract(name: string, start: () => Promise<StoreUnderTest>): void {
  describe(`${name} as a session store`, () => {
    let under: StoreUnderTest
    let one: SessionStore
    let two: SessionStore
    beforeEach(async () => {
      under = await start()
      one = await under.open()
      two = await under.open()
    })
    afterEach(() => under.end())

    const record = (changes: Partial<SessionRecord> = {}): SessionRecord => ({
      envelope: 'an envelope',
      vault: 'a vault',
      indexes: [],
      generation: 1,
      activeUntil: under.now() + HOUR,
      keepUntil: under.now() + 2 * HOUR,
      ...changes,
    })
    const tombstone = (changes: Partial<SessionRecord> = {}): SessionRecord =>
      record({ vault: undefined, activeUntil: 0, ...changes })

    describe('records', () => {
      it('are read unchanged, in the requested order, by any client', async () => {
        const a = record({ envelope: 'ä '.repeat(40_000), indexes: ['i', 'j'], generation: 7 })
        const b = tombstone()
        await one.create('a', a)
        await one.create('b', b)
        expect(await two.read(['b', 'nobody', 'a'])).toEqual([b, undefined, a])
        expect(await two.read([])).toEqual([])
      })

      it('are replaced by a client that knows the stored generation', async () => {
        await one.create('a', record())
        const next = record({ envelope: 'the next', generation: 2 })
        expect(await two.replace('a', next, 1)).toBe(true)
        expect(await one.read(['a'])).toEqual([next])
      })

      it('stay as they are when another generation is stored, or none', async () => {
        const stored = record({ generation: 5, indexes: ['i'] })
        await one.create('a', stored)
        for (const wrong of [4, 6, 0]) {
          const attempt = record({ generation: wrong + 1, indexes: ['other'], activeUntil: 0 })
          expect(await one.replace('a', attempt, wrong)).toBe(false)
        }
        expect(await one.replace('nobody', record(), 1)).toBe(false)
        expect(await one.read(['a', 'nobody'])).toEqual([stored, undefined])
        expect(await one.find('other')).toEqual([])
        expect(await one.countActive()).toBe(1)
      })

      it('are replaced by exactly one of many concurrent clients', async () => {
        await one.create('a', record())
        for (let generation = 1; generation <= 10; generation += 1) {
          const racers = Array.from({ length: 8 }, (_, racer) =>
            (racer % 2 === 0 ? one : two).replace(
              'a',
              record({ envelope: `racer ${racer}`, generation: generation + 1 }),
              generation,
            ),
          )
          const won = await Promise.all(racers)
          expect(won.filter(Boolean)).toHaveLength(1)
          const [stored] = await two.read(['a'])
          expect(stored?.envelope).toBe(`racer ${won.indexOf(true)}`)
        }
      })

      it('are restored if they are missing or older; an end is always restored, and nothing replaces an end', async () => {
        expect(await one.restore('a', record({ generation: 5, indexes: ['i'] }))).toBe(true)
        expect(await two.find('i')).toEqual(['a'])
        for (const generation of [4, 5])
          expect(await two.restore('a', record({ generation }))).toBe(false)
        const newer = record({ envelope: 'newer', generation: 6, indexes: ['j'] })
        expect(await two.restore('a', newer)).toBe(true)
        expect(await one.read(['a'])).toEqual([newer])
        expect([await one.find('i'), await one.find('j')]).toEqual([[], ['a']])
        const end = tombstone({ generation: 2 })
        expect(await one.restore('a', end)).toBe(true)
        expect(await two.restore('a', record({ generation: 9 }))).toBe(false)
        expect(await two.restore('a', tombstone({ generation: 9 }))).toBe(false)
        expect(await two.read(['a'])).toEqual([end])
        expect([await two.list(), await two.countActive()]).toEqual([[], 0])
      })

      it('of a session that has ended are never live again, even if a live record is written', async () => {
        const live = record({ indexes: ['i'] })
        await one.create('a', live)
        expect(
          await one.replace('a', tombstone({ generation: 2, keepUntil: under.now() + SHORT }), 1),
        ).toBe(true)
        await one.create('a', live)
        expect(await two.read(['a'])).toEqual([undefined])
        expect(await two.replace('a', record({ generation: 2 }), 1)).toBe(false)
        expect(await two.restore('a', record({ generation: 9 }))).toBe(false)
        // The marker lasts longer than the tombstone: until the session would have expired.
        await under.pass(SHORT + 50)
        expect(await two.read(['a'])).toEqual([undefined])
        await one.create('b', tombstone())
        expect(await two.restore('b', record({ generation: 9 }))).toBe(false)
      })

      it('are restored from the newest of many concurrent writes', async () => {
        const racers = [3, 1, 4, 2].map((generation, racer) =>
          (racer % 2 === 0 ? one : two).restore('a', record({ generation })),
        )
        await Promise.all(racers)
        expect((await one.read(['a']))[0]?.generation).toBe(4)
      })

      it('are found by each of their indexes, even when ended, and not by an index they lost', async () => {
        await one.create('a', record({ indexes: ['person', 'a at the provider'] }))
        await one.create('b', record({ indexes: ['person'] }))
        await one.create('c', record({ indexes: ['somebody else'] }))
        expect([...(await two.find('person'))].sort()).toEqual(['a', 'b'])
        expect(await two.find('a at the provider')).toEqual(['a'])
        expect(await two.find('nobody')).toEqual([])
        await two.replace('a', tombstone({ indexes: ['person'], generation: 2 }), 1)
        expect([...(await one.find('person'))].sort()).toEqual(['a', 'b'])
        expect(await one.find('a at the provider')).toEqual([])
      })

      it('are listed and counted while they are active', async () => {
        expect([await one.list(), await one.countActive()]).toEqual([[], 0])
        await one.create('a', record())
        await one.create('b', record())
        await one.create('ended', tombstone())
        expect([...(await two.list())].sort()).toEqual(['a', 'b'])
        expect(await two.countActive()).toBe(2)
        await two.replace('a', tombstone({ generation: 2 }), 1)
        expect([await one.list(), await one.countActive()]).toEqual([['b'], 1])
      })

      it('expire automatically, and so do their index entries', async () => {
        const soon = under.now() + SHORT
        await one.create('a', record({ indexes: ['i'], activeUntil: soon, keepUntil: soon }))
        await one.create('inactive', record({ indexes: ['i'], activeUntil: soon }))
        await one.create('b', record({ indexes: ['i'] }))
        await one.create('ending', record({ indexes: ['i'] }))
        await one.replace(
          'ending',
          tombstone({ indexes: ['i'], generation: 2, keepUntil: soon }),
          1,
        )
        expect(await two.countActive()).toBe(3)
        expect(await two.find('i')).toHaveLength(4)
        await under.pass(SHORT + 50)
        expect(await two.read(['a', 'ending'])).toEqual([undefined, undefined])
        expect(await two.replace('a', record({ generation: 2 }), 1)).toBe(false)
        expect([...(await two.find('i'))].sort()).toEqual(['b', 'inactive'])
        expect([await two.list(), await two.countActive()]).toEqual([['b'], 1])
      })
    })

    describe('a lease', () => {
      it('has one holder, which may renew it, until it is released', async () => {
        expect(await one.hold('refresh', 'replica 1', HOUR)).toBe(true)
        expect(await two.hold('refresh', 'replica 2', HOUR)).toBe(false)
        expect(await one.hold('refresh', 'replica 1', HOUR)).toBe(true)
        expect(await two.hold('another', 'replica 2', HOUR)).toBe(true)
        await two.release('refresh', 'replica 2')
        expect(await two.hold('refresh', 'replica 2', HOUR)).toBe(false)
        await one.release('refresh', 'replica 1')
        await one.release('never held', 'replica 1')
        expect(await two.hold('refresh', 'replica 2', HOUR)).toBe(true)
      })

      it('goes to exactly one of many concurrent clients', async () => {
        for (let round = 0; round < 10; round += 1) {
          const racers = Array.from({ length: 8 }, (_, racer) =>
            (racer % 2 === 0 ? one : two).hold(`refresh ${round}`, `replica ${racer}`, HOUR),
          )
          expect((await Promise.all(racers)).filter(Boolean)).toHaveLength(1)
        }
      })
    })

    describe('a mark', () => {
      it('is the greatest number that any client raised it to, in any order', async () => {
        expect(await one.recall('logout')).toBeUndefined()
        await one.raise('logout', 1_800_000_005, HOUR)
        await two.raise('logout', 1_800_000_007, HOUR)
        await one.raise('logout', 1_800_000_006, HOUR)
        expect(await two.recall('logout')).toBe('1800000007')
        await Promise.all([9, 12, 11, 10].map((number) => two.raise('many', number, HOUR)))
        expect(await one.recall('many')).toBe('12')
      })
    })

    describe('presence', () => {
      it('is the last value from each replica, for each session', async () => {
        await one.writePresence(
          'replica 1',
          new Map([
            ['a', 'one on a'],
            ['b', 'one on b'],
          ]),
          HOUR,
        )
        await two.writePresence('replica 2', new Map([['a', 'two on a']]), HOUR)
        const [a, b, nobody] = await one.readPresence(['a', 'b', 'nobody'])
        expect([...(a ?? [])].sort()).toEqual(['one on a', 'two on a'])
        expect([b, nobody]).toEqual([['one on b'], []])
        await one.writePresence('replica 1', new Map([['b', 'later on b']]), HOUR)
        expect(await two.readPresence(['a', 'b'])).toEqual([['two on a'], ['later on b']])
        await two.writePresence('replica 2', new Map(), HOUR)
        expect(await one.readPresence(['a'])).toEqual([[]])
        expect(await one.readPresence([])).toEqual([])
      })
    })

    it('expires leases, marks and presence after their time, counted from the last renewal', async () => {
      await one.hold('left', 'replica 1', SHORT)
      await one.hold('renewed', 'replica 1', SHORT)
      await one.hold('renewed', 'replica 1', HOUR)
      await one.raise('jti', 1, SHORT)
      await one.raise('logout', 2, SHORT)
      await one.raise('logout said again', 2, SHORT)
      await one.raise('logout said again', 1, HOUR)
      await one.writePresence('replica 1', new Map([['a', 'gone silent']]), SHORT)
      await two.writePresence('replica 2', new Map([['a', 'still here']]), HOUR)
      expect(await two.hold('left', 'replica 2', HOUR)).toBe(false)
      expect(await two.recall('jti')).toBe('1')
      expect((await two.readPresence(['a']))[0]).toHaveLength(2)
      await under.pass(SHORT + 50)
      expect(await two.hold('left', 'replica 2', HOUR)).toBe(true)
      expect(await two.hold('renewed', 'replica 2', HOUR)).toBe(false)
      expect(await two.recall('jti')).toBeUndefined()
      expect(await two.recall('logout')).toBeUndefined()
      expect(await two.recall('logout said again')).toBe('2')
      await two.raise('logout', 1, HOUR)
      expect(await two.recall('logout')).toBe('1')
      expect(await two.readPresence(['a'])).toEqual([['still here']])
    })

    it('keeps records, leases, marks and presence of the same name apart', async () => {
      const stored = record({ indexes: ['x'] })
      await one.create('x', stored)
      expect(await one.hold('x', 'x', HOUR)).toBe(true)
      await one.raise('x', 7, HOUR)
      await one.writePresence('x', new Map([['x', 'presence']]), HOUR)
      await one.release('x', 'x')
      expect(await one.recall('x')).toBe('7')
      expect(await one.readPresence(['x'])).toEqual([['presence']])
      expect(await one.read(['x'])).toEqual([stored])
      expect(await one.find('x')).toEqual(['x'])
    })

    it('delivers what any client publishes to every subscriber, in order, including the client itself', async () => {
      const heard: [string[], string[]] = [[], []]
      await Promise.all(
        [one, two].map(
          (client, index) =>
            new Promise<void>((resolve) => {
              client.subscribe((message) => heard[index]?.push(message), resolve)
            }),
        ),
      )
      await one.publish('first')
      await one.publish('zweite – {"json":true}')
      await two.publish('last')
      const all = ['first', 'zweite – {"json":true}', 'last']
      await until(() => heard.every((list) => list.length === all.length))
      for (const list of heard) expect([...list].sort()).toEqual([...all].sort())
      expect(heard[0].slice(0, 2)).toEqual(all.slice(0, 2))
    })
  })
}
