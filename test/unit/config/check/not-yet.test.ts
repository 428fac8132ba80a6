import { describe, expect, it } from 'vitest'

import { NOT_YET } from '../../../../src/config/check/not-yet.ts'
import { SETTINGS } from '../../../../src/config/schema/schema.ts'
import { COMPLETE, NO_RULES, problemsFrom, settingsFrom, VIEWER } from '../loading.ts'

describe('what this version does not enforce', () => {
  it.each([
    ['clipboardIn: deny', 'GATEWAY_CLIPBOARD_IN (clipboardIn): deny '],
    [
      'desktop: { kind: rfb }\nviewGroups: [g]',
      'GATEWAY_VIEW_GROUPS (viewGroups): view of a desktop of kind rfb ',
    ],
    [
      'desktop: { kind: rfb }\nviewEmails: [a@b]',
      'GATEWAY_VIEW_EMAILS (viewEmails): view of a desktop of kind rfb ',
    ],
  ])('is refused: %j', (yaml, start) => {
    expect(problemsFrom(COMPLETE, yaml)).toEqual([
      `${start}is not enforced by this version yet; remove it`,
    ])
  })

  it.each([['role: control, clipboardIn: deny', 'access[1].clipboardIn: deny ']])(
    'is refused in a rule: %s',
    (rest, start) => {
      const yaml = `access: [{ match: { groups: [a] }, role: control }, { match: { groups: [b] }, ${rest} }]`
      expect(problemsFrom(NO_RULES, yaml)).toEqual([
        `${start}is not enforced by this version yet; remove it`,
      ])
    },
  )

  it('is refused for viewers of a desktop of kind rfb', () => {
    const env = { ...NO_RULES, ...VIEWER, GATEWAY_DESKTOP_KIND: 'rfb' }
    expect(problemsFrom(env, 'access: [{ match: { groups: [a] }, role: view }]')).toEqual([
      'access[0].role: view of a desktop of kind rfb is not enforced by this version yet; remove it',
    ])
  })

  it('is refused from the environment as well', () => {
    expect(problemsFrom({ ...COMPLETE, GATEWAY_CLIPBOARD_IN: 'deny' })).toHaveLength(1)
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
