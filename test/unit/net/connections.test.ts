import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { beforeEach, describe, expect, it } from 'vitest'
import { Connections, type RefusedReason } from '../../../src/net/connections.ts'

const MAX = 10
const PROXY = '10.0.0.1'
const ALICE = { iss: 'https://login.example.com', sub: 'alice' }

let time: number
let refused: RefusedReason[]
let connections: Connections
let nextPort: number

class FakeSocket extends EventEmitter {
  readonly remotePort = (nextPort += 1)
  destroyed = false
  readonly remoteAddress: string | undefined
  constructor(remoteAddress: string | undefined) {
    super()
    this.remoteAddress = remoteAddress
  }
  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    queueMicrotask(() => this.emit('close'))
  }
}

const start = (max: number): Connections =>
  new Connections({
    max,
    isTrustedProxy: (address) => address === PROXY,
    now: () => time,
    onRefused: (reason) => refused.push(reason),
  })

beforeEach(() => {
  time = 1_000_000
  refused = []
  nextPort = 40_000
  connections = start(MAX)
})

function arrive(address: string | undefined): Socket {
  const socket = new FakeSocket(address) as unknown as Socket
  expect(connections.admit(socket)).toBe(!socket.destroyed)
  return socket
}

const arriveOften = (count: number, address: string): Socket[] =>
  Array.from({ length: count }, () => arrive(address))

const leftOf = (sockets: readonly Socket[]): number =>
  sockets.filter(({ destroyed }) => !destroyed).length

describe('connections up to the limit', () => {
  it('are all accepted, and counted until they close', async () => {
    const [first, ...others] = arriveOften(MAX, '192.0.2.1')
    expect([connections.size, leftOf(others), refused]).toEqual([MAX, MAX - 1, []])
    first?.destroy()
    await Promise.resolve()
    expect(connections.size).toBe(MAX - 1)
  })

  it('do not include a client that disconnected before it was accepted', () => {
    arrive(undefined)
    expect([connections.size, refused]).toEqual([0, []])
  })
})

describe('one more connection', () => {
  it('is closed if its own address has all of them', () => {
    const flood = arriveOften(MAX, '192.0.2.1')
    expect(arrive('192.0.2.1').destroyed).toBe(true)
    expect([connections.size, leftOf(flood), refused]).toEqual([MAX, MAX, ['limit']])
  })

  it('from another address replaces the oldest connection of the address with the most', () => {
    const few = arriveOften(2, '192.0.2.2')
    const flood = arriveOften(MAX - 2, '192.0.2.1')
    expect(arrive('192.0.2.3').destroyed).toBe(false)
    expect(flood.map(({ destroyed }) => destroyed).indexOf(false)).toBe(1)
    expect([leftOf(few), connections.size, refused]).toEqual([2, MAX, ['made-way']])
  })

  it('is closed if its address has as many as any other', () => {
    const flood = arriveOften(MAX, '192.0.2.1')
    const second = arriveOften(MAX, '192.0.2.2')
    expect([leftOf(flood), leftOf(second), connections.size]).toEqual([MAX / 2, MAX / 2, MAX])
  })

  it('counts an IPv6 /64 as one address, and an IPv4 address in both spellings as one', () => {
    const flood = Array.from({ length: 5 }, (_, index) => arrive(`2001:db8::${index + 1}`))
    const mapped = arriveOften(5, '::ffff:192.0.2.1')
    arrive('::ffff:192.0.2.2')
    expect(arrive('2001:db8::ffff').destroyed).toBe(true)
    expect(leftOf(flood) + leftOf(mapped)).toBe(MAX - 1)
  })

  it('replaces one from any address that has made no request for five seconds', () => {
    const flood = arriveOften(MAX, '192.0.2.1')
    time += 4_999
    expect(arrive('192.0.2.1').destroyed).toBe(true)
    connections.noteRequest(flood[0] as Socket)
    time += 1
    expect(arrive('192.0.2.1').destroyed).toBe(false)
    expect(flood.slice(0, 3).map(({ destroyed }) => destroyed)).toEqual([false, true, false])
  })

  it('does not exceed the limit when several arrive before the closed ones are gone', () => {
    arriveOften(MAX, '192.0.2.1')
    arriveOften(3, '192.0.2.2')
    expect(connections.size).toBe(MAX)
  })
})

describe('behind a trusted proxy', () => {
  it('connections are replaced only if they have been silent, because one address is many people', () => {
    const proxied = arriveOften(MAX, PROXY)
    expect(arrive('192.0.2.1').destroyed).toBe(true)
    expect(arrive(PROXY).destroyed).toBe(true)
    time += 5_000
    expect(arrive(PROXY).destroyed).toBe(false)
    expect(leftOf(proxied)).toBe(MAX - 1)
  })

  it('people replace connections of a flood from other addresses', () => {
    const flood = arriveOften(MAX, '192.0.2.1')
    const proxied = arriveOften(5, PROXY)
    expect([leftOf(flood), leftOf(proxied)]).toEqual([MAX - 5, 5])
  })
})

describe('a connection of a signed-in person', () => {
  it('is never replaced, however old; the new connection is closed', () => {
    const kept = arriveOften(MAX, '192.0.2.1')
    for (const socket of kept) connections.keep(socket, ALICE)
    time += 3_600_000
    expect(arrive('192.0.2.2').destroyed).toBe(true)
    expect([leftOf(kept), refused]).toEqual([MAX, ['limit']])
  })

  it('is protected as one of 64 of that person; older ones beyond that can be replaced', () => {
    connections = start(70)
    const kept = arriveOften(70, '192.0.2.1')
    for (const socket of kept) connections.keep(socket, ALICE)
    const bob = arriveOften(6, '192.0.2.2')
    expect(leftOf(bob)).toBe(3)
    expect(kept.findIndex(({ destroyed }) => !destroyed)).toBe(3)
  })

  it('does not count among the 64 if it is a tunnel, and is never replaced', () => {
    connections = start(100)
    const tunnels = arriveOften(30, '192.0.2.1')
    for (const socket of tunnels) {
      connections.keep(socket, ALICE)
      connections.keepTunnel(socket, ALICE)
    }
    const kept = arriveOften(70, '192.0.2.1')
    for (const socket of kept) connections.keep(socket, ALICE)
    time += 3_600_000
    expect(leftOf(arriveOften(7, '192.0.2.2'))).toBe(6)
    expect([leftOf(tunnels), leftOf(kept)]).toEqual([30, 64])
  })

  it('frees its place among the 64 when it closes', async () => {
    connections = start(65)
    for (let round = 0; round < 3; round += 1) {
      const kept = arriveOften(64, '192.0.2.1')
      for (const socket of kept) connections.keep(socket, ALICE)
      arrive('192.0.2.2')
      expect([leftOf(kept), arrive('192.0.2.3').destroyed]).toEqual([64, true])
      time += 5_000
      for (const socket of kept) socket.destroy()
      await Promise.resolve()
    }
  })
})
