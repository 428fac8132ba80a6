// The providers of the settings: which of them a sign-in, a session or a logout token belongs to.

import { decodeJwt } from 'jose'
import type { ProviderSettings } from '../config/config.ts'
import type { Identity } from '../session/session.ts'
import type { LogoutTokenCheck } from './logout-token.ts'
import type { Provider } from './provider.ts'

export interface Providers {
  /** In the order of the settings; at least one. */
  readonly all: readonly Provider[]
  /** Resolves when people can sign in at one of them. */
  readonly ready: Promise<void>
  named(name: string | undefined): Provider | undefined
  /** The one that was named, or the only one. Undefined: the person must choose. */
  chosen(name: string | undefined): Provider | undefined
  /** The one that a person signed in at; undefined if it is no longer in the settings. */
  of(identity: Pick<Identity, 'provider' | 'iss'>): Provider | undefined
  hasIssuer(issuer: string): boolean
  checkLogoutToken(token: string): Promise<LogoutTokenCheck>
}

export function createProviders(all: readonly Provider[]): Providers {
  const named = (name: string | undefined): Provider | undefined =>
    all.find(({ settings }) => settings.name === name)

  return {
    all,
    ready: Promise.any(all.map(({ ready }) => ready)),
    named,
    chosen: (name) => named(name) ?? (all.length === 1 ? all[0] : undefined),
    of({ provider, iss }) {
      const same = all.filter(({ settings }) => isIssuerOf(settings, iss))
      // A provider that got another name is still the same provider.
      return same.find(({ settings }) => settings.name === provider) ?? same[0]
    },
    hasIssuer: (issuer) => all.some((provider) => provider.issuer === issuer),
    async checkLogoutToken(token) {
      const { length } = all
      // The claim is not verified yet. It only chooses the keys that the token is verified with.
      const issuer = length === 1 ? undefined : issuerIn(token)
      const meant = length === 1 ? all : all.filter((one) => one.issuer === issuer)
      const checks = await Promise.all(meant.map((one) => one.checkLogoutToken(token)))
      const isUnknown = all.some((one) => !one.isReady && isIssuerOf(one.settings, issuer ?? ''))
      return (
        // Several clients of one provider differ in the audience.
        checks.find(({ outcome }) => outcome === 'valid') ??
        checks.find(({ outcome }) => outcome === 'keys-unavailable') ??
        (isUnknown
          ? { outcome: 'keys-unavailable', cause: 'the provider has not been discovered yet' }
          : (checks[0] ?? { outcome: 'invalid', problem: 'iss' }))
      )
    },
  }
}

/** Discovery compares in the same way: a provider may write its host in capitals, or name the default port. */
function isIssuerOf({ issuer }: ProviderSettings, iss: string): boolean {
  const normal = (url: string): string | undefined => URL.parse(url)?.href.replace(/\/$/, '')
  return normal(issuer.href) === normal(iss)
}

function issuerIn(token: string): string | undefined {
  try {
    return decodeJwt(token).iss
  } catch {
    return undefined
  }
}
