// The settings as the rest of the gateway sees them: read-only, complete, every absent one `undefined`.
// Names and meanings are the contract of docs/configuration.md; load.ts makes this object, nobody changes it.

/** Where a listener binds; `host` undefined means every address, v4 and v6. */
export interface ListenAddress {
  readonly host: string | undefined
  readonly port: number
}

/** `count` attempts in each window of `windowMs`. */
export interface RateLimit {
  readonly count: number
  readonly windowMs: number
}

export type ClientAuth = 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none'

export type Role = 'control' | 'view' | 'owner'
export type Permission = 'allow' | 'deny'

/** Every non-empty part must match (and); within a part any entry does (or). */
export interface RuleMatch {
  readonly groups: readonly string[]
  readonly emails: readonly string[]
  readonly emailDomains: readonly string[]
  readonly claims: Readonly<Record<string, readonly string[]>>
}

export interface AccessRule {
  /** What the audit calls the rule: `access[0]`, `allowGroups`, `allowAnyone`, … */
  readonly id: string
  /** Undefined: any signed-in person. */
  readonly match: RuleMatch | undefined
  readonly role: Role
  readonly clipboardIn: Permission
  readonly downloads: Permission
}

export interface Credentials {
  readonly username: string
  readonly password: string
}

export interface DesktopTls {
  readonly caFile: string | undefined
  /** SHA-256 of the certificate, 64 lower-case hex digits. */
  readonly fingerprint: string | undefined
  readonly insecure: boolean
}

/** What stands beside the desktop, under a path of its own. */
export interface DesktopRoute {
  /** Canonical, without a slash at the end. */
  readonly path: string
  readonly url: URL
  /** The least of the roles that may go there. */
  readonly role: Role
  /** The server knows nothing of `path`: it is taken off. */
  readonly stripPrefix: boolean
  readonly credentials: Credentials | undefined
  readonly tls: DesktopTls
}

export type DesktopKind = 'kasmvnc' | 'rfb'

/** All durations are milliseconds. */
export interface Settings {
  /** Origin people use; its pathname is `/`. */
  readonly publicUrl: URL
  readonly listen: ListenAddress
  readonly adminListen: ListenAddress
  readonly adminToken: string | undefined
  /** CIDRs, as written. */
  readonly trustedProxies: readonly string[]
  /** Undefined: no limit. */
  readonly loginLimit: RateLimit | undefined
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
  readonly oidc: {
    readonly issuer: URL
    readonly clientId: string
    readonly clientSecret: string | undefined
    /** Undefined: chosen from what the provider's discovery document offers. */
    readonly clientAuth: ClientAuth | undefined
    readonly privateKeyFile: string | undefined
    readonly scopes: string
    readonly authorizationParams: Readonly<Record<string, string>>
    readonly groupsClaim: string
    readonly emailVerified: 'required' | 'assumed'
    readonly caFile: string | undefined
  }
  readonly session: {
    /** The first seals, all open. */
    readonly secrets: readonly [string, ...string[]]
    readonly store: string
    readonly storeCaFile: string | undefined
    readonly idleTimeout: number
    readonly idleReauth: boolean
    readonly maxLifetime: number
    readonly revalidateEvery: number
    readonly providerGrace: number
    readonly storeGrace: number
  }
  readonly limits: {
    /** A person is iss + sub; one session more ends the oldest. */
    readonly sessionsPerPerson: number
  }
  /** First match wins; no match is a refusal. */
  readonly access: readonly AccessRule[]
  readonly desktop: {
    readonly url: URL
    readonly kind: DesktopKind
    readonly credentials: Readonly<Partial<Record<Role, Credentials>>>
    readonly tls: DesktopTls
    readonly routes: readonly DesktopRoute[]
    /** Undefined: the desktop kind's own policy. */
    readonly csp: string | undefined
  }
  readonly ui: { readonly panel: boolean }
  readonly drain: { readonly delay: number; readonly timeout: number }
  readonly audit: { readonly file: string | undefined }
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
}

/** Holds the settings in force, so that readers never capture one that a reload replaces. */
export interface SettingsHolder {
  readonly current: Settings
}
