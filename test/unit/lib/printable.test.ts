import fc from 'fast-check'
import { expect, it } from 'vitest'
import { printable } from '../../../src/lib/printable.ts'

it.each([
  ['anna@corp.example', 'anna@corp.example'],
  ['Jürgen दीपा 名', 'Jürgen दीपा 名'],
  ['a\nb\u001b[31m\0', 'a\\u{a}b\\u{1b}[31m\\u{0}'],
  ['a"b\\c', 'a\\u{22}b\\u{5c}c'],
  ['\u202ea\u200b\u2028\u00a0', '\\u{202e}a\\u{200b}\\u{2028}\\u{a0}'],
  ['\ud800', '\\u{d800}'],
  ['💩'.repeat(20), '💩'.repeat(20)],
  ['💩'.repeat(21), `${'💩'.repeat(20)}…`],
  ['a'.repeat(20), 'a'.repeat(20)],
  ['a'.repeat(21), `${'a'.repeat(20)}…`],
])('shows %j as %s', (text, shown) => {
  expect(printable(text, 20)).toBe(shown)
})

it('shows no control characters, no bidirectional marks, and no more than its limit', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(30), (text, maxLength) => {
      const shown = printable(text, maxLength)
      expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}"]/u)
      expect(shown.length).toBeLessThanOrEqual(maxLength * '\\u{10ffff}'.length + 1)
    }),
  )
})
