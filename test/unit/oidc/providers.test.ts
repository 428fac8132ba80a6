import { describe, expect, it } from 'vitest'
import type { Provider } from '../../../src/oidc/provider.ts'
import { createProviders } from '../../../src/oidc/providers.ts'

function provider(name: string, issuer: string): Provider {
  const settings = { name, issuer: new URL(issuer) }
  return { settings, issuer, isReady: true, ready: Promise.resolve() } as unknown as Provider
}

const STAFF = provider('staff', 'https://login.example.com/realms/staff')
const DESK = provider('desk', 'https://login.example.com/realms/staff')
const OKTA = provider('okta', 'https://example.okta.com')

describe('the provider of a session', () => {
  const providers = createProviders([STAFF, DESK, OKTA])
  const of = (name: string | undefined, iss: string) =>
    providers.of({ provider: name as string, iss })?.settings.name

  it('is the one of its name and issuer', () => {
    expect(of('staff', 'https://login.example.com/realms/staff')).toBe('staff')
    expect(of('desk', 'https://login.example.com/realms/staff')).toBe('desk')
  })

  it('is found by the issuer after another name was given to it', () => {
    expect(of('old-name', 'https://example.okta.com')).toBe('okta')
    expect(of(undefined, 'https://example.okta.com')).toBe('okta')
  })

  it.each([
    'https://example.okta.com/',
    'https://Example.OKTA.com',
    'https://example.okta.com:443',
  ])('is the same however the provider writes its issuer: %s', (iss) => {
    expect(of('okta', iss)).toBe('okta')
  })

  it.each(['https://login.example.com/realms/other', 'https://evil.example', '', 'x'])(
    'is none for another issuer: %s',
    (iss) => {
      expect(of('staff', iss)).toBeUndefined()
    },
  )
})

it('a person chooses among several, and not if there is only one', () => {
  expect(createProviders([OKTA]).chosen(undefined)).toBe(OKTA)
  expect(createProviders([OKTA, STAFF]).chosen(undefined)).toBeUndefined()
  expect(createProviders([OKTA, STAFF]).chosen('staff')).toBe(STAFF)
  expect(createProviders([OKTA, STAFF]).chosen('nobody')).toBeUndefined()
})
