import { describe, expect, it } from 'vitest'

import { NOT_YET } from '../../../../src/config/check/not-yet.ts'
import { SETTINGS } from '../../../../src/config/schema/schema.ts'
import { COMPLETE, NO_RULES, problemsFrom, settingsFrom } from '../loading.ts'

describe('what this version does not enforce', () => {
  it.each([
    ['downloads: deny', 'GATEWAY_DOWNLOADS (downloads): deny '],
    ['desktop: { routes: [{ path: /audio, url: "http://desktop:4901" }] }', 'desktop.routes: '],
  ])('is refused: %j', (yaml, start) => {
    expect(problemsFrom(COMPLETE, yaml)).toEqual([
      `${start}is not enforced by this version yet; remove it`,
    ])
  })

  it.each([
    ['role: owner', 'access[1].role: owner '],
    ['role: control, downloads: deny', 'access[1].downloads: deny '],
  ])('is refused in a rule: %s', (rest, start) => {
    const yaml = `access: [{ match: { groups: [a] }, role: control }, { match: { groups: [b] }, ${rest} }]`
    expect(problemsFrom(NO_RULES, yaml)).toEqual([
      `${start}is not enforced by this version yet; remove it`,
    ])
  })

  it('is refused from the environment as well', () => {
    expect(problemsFrom({ ...COMPLETE, GATEWAY_DOWNLOADS: 'deny' })).toHaveLength(1)
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
