// A session is one sign-in of one person. Its id is derived from the cookie. Only the id is stored, logged and shown to
// administrators; the cookie itself exists in the browser alone.

import type { Permission, Role } from '../config/config.ts'

/** Why a session or a tunnel ended. The same word is the Close reason, `sign_in?reason=`, audit and metric label. */
export const END_REASONS = [
  'signed-out',
  'provider-logout',
  'revoked',
  'expired',
  'idle',
  'refresh-refused',
  'provider-lost',
  'store-lost',
  'access-withdrawn',
  'superseded',
] as const

export type EndReason = (typeof END_REASONS)[number]

/** Who signed in: what the provider said and what the rules decide on. */
export interface Identity {
  /** Name of the provider in the settings. */
  readonly provider: string
  readonly iss: string
  readonly sub: string
  /** The provider's id of its own session; undefined if it sends none. */
  readonly sid: string | undefined
  readonly email: string | undefined
  /** The address counts for e-mail rules (verified, or `oidc.emailVerified: assumed`). */
  readonly emailCounts: boolean
  readonly name: string | undefined
  readonly preferredUsername: string | undefined
  readonly groups: readonly string[]
  /** There are so many groups that the provider did not tell them. */
  readonly areGroupsOmitted?: boolean
  /** Only claims that a rule names, each as a list of strings. */
  readonly claims: Readonly<Record<string, readonly string[]>>
}

/** Sealed under the session secret, so every replica can read it. Times are milliseconds since the epoch. */
export interface Envelope {
  readonly identity: Identity
  readonly role: Role
  readonly clipboardIn: Permission
  /** The rule that let the person in (`AccessRule.id`). */
  readonly rule: string
  readonly createdAt: number
  readonly expiresAt: number
  /** Client address at sign-in. */
  readonly address: string
  /** The provider gave a refresh token, so the session can be re-validated. */
  readonly refreshable: boolean
  /** When the provider last confirmed the identity. */
  readonly validatedAt: number
  /** Expiry of the access token; undefined if the provider does not say. */
  readonly tokensExpireAt: number | undefined
  readonly ended: { readonly reason: EndReason; readonly at: number } | undefined
}

/** Sealed under a key that is derived from the cookie and stored nowhere. */
export interface Vault {
  readonly idToken: string | undefined
  readonly refreshToken: string | undefined
}

export interface Session extends Envelope {
  readonly id: string
}

export type Lookup =
  | { readonly state: 'live'; readonly session: Session }
  /** `at`: milliseconds since the epoch. */
  | { readonly state: 'ended'; readonly reason: EndReason; readonly at: number }
  | { readonly state: 'none' }

export interface Opening {
  readonly identity: Identity
  readonly role: Session['role']
  readonly clipboardIn: Session['clipboardIn']
  readonly rule: string
  readonly address: string
  readonly vault: Vault
  /** When the provider issued the ID token (seconds since the epoch). */
  readonly issuedAt: number
  /** Expiry of the access token, ms since the epoch. */
  readonly tokensExpireAt: number | undefined
}
