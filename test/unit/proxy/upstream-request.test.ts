import { expect, it } from 'vitest'
import { GatewayError } from '../../../src/lib/errors.ts'
import { failureOf } from '../../../src/proxy/upstream-request.ts'

it.each([
  ['refused', new GatewayError('desktop-refused', 'x'), 'desktop-refused'],
  ['broken', new GatewayError('desktop-broken', 'x'), 'desktop-broken'],
  ['busy', new GatewayError('desktop-busy', 'x'), 'desktop-busy'],
  ['unreachable', new GatewayError('desktop-unreachable', 'x'), 'desktop-unreachable'],
  ['a reset', Object.assign(new Error('x'), { code: 'ECONNRESET' }), 'desktop-unreachable'],
  [
    'no HTTP',
    Object.assign(new Error('x'), { code: 'HPE_INVALID', bytesParsed: 3 }),
    'desktop-broken',
  ],
  ['no error', undefined, 'desktop-unreachable'],
  ['no error with bytes', { bytesParsed: 3 }, 'desktop-unreachable'],
])('a failure of the desktop is reported by its kind: %s', (_, error, kind) => {
  expect(failureOf(error)).toBe(kind)
})
