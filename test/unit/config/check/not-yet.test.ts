import { describe, expect, it } from 'vitest'

import { NOT_YET } from '../../../../src/config/check/not-yet.ts'
import { SETTINGS } from '../../../../src/config/schema/schema.ts'
import { COMPLETE, problemsFrom, settingsFrom } from '../loading.ts'

describe('what this version does not enforce', () => {
  it.each([
    ['desktop: { routes: [{ path: /audio, url: "http://desktop:4901" }] }', 'desktop.routes: '],
  ])('is refused: %j', (yaml, start) => {
    expect(problemsFrom(COMPLETE, yaml)).toEqual([
      `${start}is not enforced by this version yet; remove it`,
    ])
  })

  it.each([
    'session: { store: memory, idleTimeout: 0, idleReauth: false }',
    'clipboardIn: allow\ndownloads: allow\ndesktop: { routes: [] }',
  ])('is accepted where it restricts nobody: %s', (yaml) => {
    expect(problemsFrom(COMPLETE, yaml)).toEqual([])
  })

  it('keeps the default of the contract', () => {
    expect(settingsFrom(COMPLETE).session).toMatchObject({
      idleTimeout: 1_800_000,
      idleReauth: true,
    })
  })

  it('is about settings there are', () => {
    const paths = SETTINGS.map(({ path }) => path)
    const whole = NOT_YET.filter(({ setting }) => !setting.startsWith('access[].'))
    expect(whole.filter(({ setting }) => !paths.includes(setting))).toEqual([])
  })
})
