import { describe, expect, it } from 'vitest'

import { accepted, COMPLETE, problemsFrom, refusal, settingsFrom } from '../loading.ts'

const SECRET_LINE = 'one-secret-of-at-least-32-bytes!!'

describe('session.secret', () => {
  const other = 'another-secret-of-thirty-two-bytes'

  it('may be several secrets, in lines or as a list, with the first one for sealing', () => {
    const lines = `${SECRET_LINE}\n${other}\r\n\n`
    expect(accepted('GATEWAY_SESSION_SECRET', lines).session.secrets).toEqual([SECRET_LINE, other])
    const yaml = `session: { secret: [${SECRET_LINE}, ${other}] }`
    expect(settingsFrom({ ...COMPLETE, GATEWAY_SESSION_SECRET: '' }, yaml).session.secrets).toEqual(
      [SECRET_LINE, other],
    )
  })

  it('is measured in bytes, not in characters', () => {
    expect(accepted('GATEWAY_SESSION_SECRET', 'ß'.repeat(16)).session.secrets).toHaveLength(1)
  })

  it.each(['short', `${'x'.repeat(40)}\nshort`, 'x'.repeat(31)])(
    'is refused when one of the secrets is too short: %j',
    (secret) => {
      expect(refusal('GATEWAY_SESSION_SECRET', secret)).toBe(
        'GATEWAY_SESSION_SECRET (session.secret): must be at least 32 bytes each; openssl rand -base64 32 prints one',
      )
    },
  )

  it.each(['[]', '""', '1234', '{ a: b }'])('cannot be %s', (secret) => {
    const env = { ...COMPLETE, GATEWAY_SESSION_SECRET: undefined }
    expect(problemsFrom(env, `session: { secret: ${secret} }`)).toHaveLength(1)
  })
})

describe('desktop.tls.fingerprint', () => {
  const digits = 'ab'.repeat(32)

  it('is accepted in any notation and read in one form', () => {
    const env = { ...COMPLETE, GATEWAY_DESKTOP_URL: 'https://desktop:6901' }
    for (const written of [digits, digits.toUpperCase(), digits.match(/../g)?.join(':') ?? '']) {
      const settings = settingsFrom({ ...env, GATEWAY_DESKTOP_TLS_FINGERPRINT: written })
      expect(settings.desktop.tls.fingerprint).toBe(digits)
    }
  })

  it.each(['abcd', `${digits}00`, 'zz'.repeat(32)])('cannot be %s', (written) => {
    expect(refusal('GATEWAY_DESKTOP_TLS_FINGERPRINT', written)).toContain('64 hex digits')
  })
})
