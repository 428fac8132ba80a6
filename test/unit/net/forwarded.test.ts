import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { createClientOf } from '../../../src/net/forwarded.ts'

function seen(
  trusted: string[],
  peer: string,
  forwarded?: string,
): { address: string; behindUndeclaredProxy: boolean } {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
  return createClientOf(trusted)({
    socket: { remoteAddress: peer },
    headers,
  } as unknown as IncomingMessage)
}

it('uses the peer’s address when no proxy is trusted', () => {
  expect(seen([], '192.0.2.1', '203.0.113.9')).toEqual({
    address: '192.0.2.1',
    behindUndeclaredProxy: true,
  })
  expect(seen([], '::ffff:192.0.2.1')).toEqual({
    address: '192.0.2.1',
    behindUndeclaredProxy: false,
  })
})

describe('behind trusted proxies', () => {
  const trusted = ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7']

  it.each([
    ['10.1.2.3', '203.0.113.9', '203.0.113.9'],
    ['::ffff:10.1.2.3', '203.0.113.9', '203.0.113.9'],
    // What the client wrote itself stands to the left, and is not believed.
    ['10.1.2.3', '1.1.1.1, 203.0.113.9, 10.9.9.9', '203.0.113.9'],
    ['192.0.2.7', '2001:db8::5, 203.0.113.9 ,10.0.0.1', '203.0.113.9'],
    ['10.1.2.3', '10.4.4.4, 10.5.5.5', '10.4.4.4'],
    ['2001:db8::1', '[2001:4860::1]:443', '2001:4860::1'],
    ['10.1.2.3', '203.0.113.9:5678', '203.0.113.9'],
    ['10.1.2.3', '203.0.113.9, nonsense', '10.1.2.3'],
    ['10.1.2.3', 'nonsense, 10.7.7.7', '10.7.7.7'],
    ['10.1.2.3', '', '10.1.2.3'],
  ])('peer %s with %j is %s', (peer, forwarded, address) => {
    expect(seen(trusted, peer, forwarded)).toEqual({ address, behindUndeclaredProxy: false })
  })

  it('ignores the header from a peer that is not trusted', () => {
    expect(seen(trusted, '203.0.113.1', '10.0.0.1')).toEqual({
      address: '203.0.113.1',
      behindUndeclaredProxy: true,
    })
  })
})
