import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { accepted, COMPLETE, problemsFrom, refusal, settingsFrom } from '../loading.ts'

describe('durations', () => {
  it.each([
    ['90s', 90_000],
    ['12h', 43_200_000],
    ['500ms', 500],
    ['0', 0],
  ])('may be %s', (written, ms) => {
    expect(accepted('GATEWAY_DRAIN_DELAY', written).drain.delay).toBe(ms)
  })

  it('may be a plain 0 in YAML; other numbers need a unit', () => {
    expect(settingsFrom(COMPLETE, 'drain: { delay: 0 }').drain.delay).toBe(0)
    expect(problemsFrom(COMPLETE, 'drain: { delay: 30 }')).toEqual([
      'GATEWAY_DRAIN_DELAY (drain.delay): must be a duration such as 90s, 30m or 12h; got "30"',
    ])
  })

  it.each(['5', '-5s', '1.5h', '5 s', 'soon', '5M'])('cannot be %s', (written) => {
    expect(refusal('GATEWAY_DRAIN_TIMEOUT', written)).toContain('must be a duration')
  })

  it('give a session a lifetime of at least a minute', () => {
    expect(accepted('GATEWAY_SESSION_MAX_LIFETIME', '1m').session.maxLifetime).toBe(60_000)
    expect(refusal('GATEWAY_SESSION_MAX_LIFETIME', '59s')).toContain('must be at least 1m')
    expect(refusal('GATEWAY_SESSION_MAX_LIFETIME', '0')).toContain('must be at least 1m')
  })
})

describe('flags and choices', () => {
  it('can be true or false, as text and as YAML', () => {
    expect(accepted('GATEWAY_UI_PANEL', 'false').ui.panel).toBe(false)
    expect(settingsFrom(COMPLETE, 'ui: { panel: false }').ui.panel).toBe(false)
    expect(settingsFrom(COMPLETE, 'ui: { panel: "false" }').ui.panel).toBe(false)
  })

  it.each(['yes', '1', 'TRUE', 'off'])('cannot be %s', (written) => {
    expect(refusal('GATEWAY_UI_PANEL', written)).toBe(
      `GATEWAY_UI_PANEL (ui.panel): must be true or false; got "${written}"`,
    )
  })

  it('list the accepted values when refused', () => {
    expect(refusal('GATEWAY_DESKTOP_KIND', 'vnc')).toBe(
      'GATEWAY_DESKTOP_KIND (desktop.kind): must be one of kasmvnc, rfb; got "vnc"',
    )
  })
})

describe('any text at all', () => {
  it('is either accepted or refused with the name of the setting', () => {
    const names = [
      'GATEWAY_PUBLIC_URL',
      'GATEWAY_LISTEN',
      'GATEWAY_TRUSTED_PROXIES',
      'GATEWAY_LOGIN_LIMIT',
      'GATEWAY_OIDC_ISSUER',
      'GATEWAY_DESKTOP_URL',
      'GATEWAY_ALLOW_EMAILS',
      'GATEWAY_SESSION_STORE',
    ]
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.string({ minLength: 1, unit: 'binary' }),
        (name, value) => {
          for (const problem of problemsFrom({ ...COMPLETE, [name]: value })) {
            expect(problem.startsWith(`${name} (`)).toBe(true)
          }
        },
      ),
    )
  })
})
