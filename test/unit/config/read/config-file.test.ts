import { describe, expect, it } from 'vitest'

import { loadSettings } from '../../../../src/config/load.ts'
import { COMPLETE, NO_RULES, problemsFrom, settingsFrom } from '../loading.ts'

describe('a YAML file that cannot be read', () => {
  it('is named with the reason', () => {
    const result = loadSettings({ env: COMPLETE, configFile: '/nowhere/gateway.yaml' })
    expect(result).toEqual({
      ok: false,
      problems: [
        'GATEWAY_CONFIG (--config): must name a readable YAML file; /nowhere/gateway.yaml is not (ENOENT)',
      ],
    })
    const directory = loadSettings({
      env: { ...COMPLETE, GATEWAY_CONFIG: '/tmp' },
      configFile: undefined,
    })
    expect(directory).toMatchObject({ problems: [expect.stringContaining('EISDIR')] })
  })

  it.each([
    [
      'logLevel: info\nlogLevel: debug',
      'gateway.yaml:2:1: this key is given twice in one map; keep one',
    ],
    [
      'oidc:\n  scopes: a\n  scopes: b',
      'gateway.yaml:3:3: this key is given twice in one map; keep one',
    ],
    ['oidc:\n\tscopes: openid', 'gateway.yaml:2:1: YAML is indented with spaces; replace the tab'],
    ['allowGroups: [ops', 'gateway.yaml:1:18: this is not valid YAML (BAD_INDENT)'],
    [
      'listen: [::1]:8080',
      'gateway.yaml:1:14: this is not valid YAML; put a value with special characters in quotes',
    ],
    ['ui: {}\n---\nui: {}', 'gateway.yaml:2:1: the file must be one YAML document; remove the ---'],
    [
      'ui: !env PANEL',
      'gateway.yaml:1:5: tags are not supported; quote the value if it begins with !',
    ],
    [
      'audit:\n  file: *log',
      'gateway.yaml:2:9: no anchor has this name; quote the value if it begins with *',
    ],
    ['- ops', 'gateway.yaml:1:1: must be a map of settings'],
    ['ops', 'gateway.yaml:1:1: must be a map of settings'],
  ])('is told by line and column: %j', (yaml, problem) => {
    expect(problemsFrom(COMPLETE, yaml)).toEqual([problem])
  })

  it('is reported together with unknown names in the environment', () => {
    expect(problemsFrom({ ...COMPLETE, GATEWAY_QX: 'x' }, 'ui: !x y')).toHaveLength(2)
  })

  it.each([
    '|hunter2',
    '*hunter2',
    '"\\qhunter2"',
    '!hunter2 x',
    '@hunter2',
    '[hunter2',
    'a: hunter2',
    '"hunter2',
  ])('is told without a word of its content: %s', (value) => {
    const problems = problemsFrom(COMPLETE, `desktop:\n  password: ${value}\n`)
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.join()).not.toContain('hunter2')
  })
})

describe('a YAML file', () => {
  it('may be empty, and may use anchors', () => {
    expect(settingsFrom(COMPLETE, '').logLevel).toBe('info')
    expect(settingsFrom(COMPLETE, '# nothing\n').logLevel).toBe('info')
    const yaml =
      'viewGroups: &who [ops]\nallowGroups: *who\ndesktop: { viewer: { username: v, password: w } }'
    expect(settingsFrom(NO_RULES, yaml).access.map(({ id }) => id)).toEqual([
      'allowGroups',
      'viewGroups',
    ])
  })

  it.each([
    ['publicURL: x', 'gateway.yaml:1: publicURL: is not a setting; did you mean publicUrl?'],
    ['\n\nsesion: {}', 'gateway.yaml:3: sesion: is not a setting; did you mean session?'],
    [
      'session:\n  idleTimout: 3m',
      'gateway.yaml:2: session.idleTimout: is not a setting; did you mean session.idleTimeout?',
    ],
    [
      'session:\n  secretsFile: x',
      'gateway.yaml:2: session.secretsFile: is not a setting; did you mean session.secretFile?',
    ],
    ['clientId: x', 'gateway.yaml:1: clientId: is not a setting; did you mean oidc.clientId?'],
    [
      'desktop:\n  viewer:\n    user: x',
      'gateway.yaml:3: desktop.viewer.user: is not a setting; did you mean desktop.viewer.username?',
    ],
    ['qx: 1', 'gateway.yaml:1: qx: is not a setting; remove it'],
    ['__proto__: { a: 1 }', 'gateway.yaml:1: __proto__: is not a setting; remove it'],
  ])('with an unknown key is refused: %j', (yaml, problem) => {
    expect(problemsFrom(COMPLETE, yaml)).toEqual([problem])
  })

  it('with a misspelt key in a rule is refused', () => {
    const yaml = `access:
  - match: { groups: [ops] }
    rol: control
    role: control
  - match:
      emals: [a@example.com]
      groups: [ops]
    role: control
  - groups: [ops]
    match: { groups: [ops] }
    role: control
`
    expect(problemsFrom(NO_RULES, yaml)).toEqual([
      'gateway.yaml:3: access[0].rol: is not a setting; did you mean access[].role?',
      'gateway.yaml:6: access[1].match.emals: is not a setting; did you mean access[].match.emails?',
      'gateway.yaml:9: access[2].groups: is not a setting; did you mean access[].match.groups?',
    ])
  })

  it('with a value where a section belongs is refused', () => {
    expect(problemsFrom(COMPLETE, 'session: 12h\ndrain: [5s]')).toEqual([
      'session: must be a map of settings',
      'drain: must be a map of settings',
    ])
  })
})
