import { expect, it } from 'vitest'
import { createSealer } from '../../../src/lib/seal.ts'

const OLD = 'an old secret of at least thirty-two bytes'
const NEW = 'a newer secret of at least thirty-two bytes'

it('opens a value that it sealed', async () => {
  const sealer = createSealer([NEW], 'test')
  expect(await sealer.open(await sealer.seal({ a: [1, 'é'] }))).toEqual({ a: [1, 'é'] })
})

it('opens a value sealed with an older secret, and seals with the first', async () => {
  const before = createSealer([OLD], 'test')
  const after = createSealer([NEW, OLD], 'test')
  expect(await after.open(await before.seal('kept'))).toBe('kept')
  expect(await before.open(await after.seal('new'))).toBeUndefined()
})

it('does not open a value with another purpose or secret, or with one changed character', async () => {
  const sealer = createSealer([NEW], 'test')
  const sealed = await sealer.seal('x')
  expect(await createSealer([NEW], 'other').open(sealed)).toBeUndefined()
  expect(await createSealer([OLD], 'test').open(sealed)).toBeUndefined()
  for (let at = 0; at < sealed.length - 1; at += 7) {
    const changed = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1)
    expect(await sealer.open(changed)).toBeUndefined()
  }
})

it.each(['', 'x', 'a.b.c.d.e', '....', 'eyJhbGciOiJub25lIn0....'])(
  'does not open %j',
  async (text) => {
    expect(await createSealer([NEW], 'test').open(text)).toBeUndefined()
  },
)
