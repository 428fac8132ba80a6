import { expect, it } from 'vitest'
import { restrictionsFor } from '../../../src/desktop/restrictions.ts'

const sorted = (drops: ReadonlySet<number>): number[] => [...drops].sort((a, b) => a - b)

it.each([
  ['kasmvnc', 'control', 'allow', [181], false],
  ['kasmvnc', 'owner', 'allow', [181], false],
  ['kasmvnc', 'control', 'deny', [6, 180, 181], true],
  ['kasmvnc', 'owner', 'deny', [6, 180, 181], true],
  ['kasmvnc', 'view', 'allow', [4, 5, 6, 180, 181, 182, 183, 188, 251, 255], true],
  ['kasmvnc', 'view', 'deny', [4, 5, 6, 180, 181, 182, 183, 188, 251, 255], true],
  ['rfb', 'control', 'allow', [], false],
  ['rfb', 'control', 'deny', [6], true],
  ['rfb', 'view', 'allow', [4, 5, 6, 250, 251, 253], true],
  ['rfb', 'view', 'deny', [4, 5, 6, 250, 251, 253], true],
] as const)(
  'for kind %s and role %s, with clipboardIn %s, these message types are dropped: %j',
  (dialect, role, clipboardIn, drops, isRestricting) => {
    const restrictions = restrictionsFor(dialect, role, clipboardIn)
    expect(sorted(restrictions.drops)).toEqual(drops)
    expect(restrictions.isRestricting).toBe(isRestricting)
    expect(restrictions.dropsQemuKeys).toBe(dialect === 'rfb' && role === 'view')
  },
)
