// The settings as the rest of the gateway reads them. The object is complete and frozen; a setting that is not set is
// `undefined`. load.ts builds it. docs/configuration.md documents names and meanings.

import type { PresetName } from './presets.ts'

/** Where a listener binds. `host` undefined: all addresses, IPv4 and IPv6. */
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

/** All non-empty parts must match (AND). A part matches when one of its entries does (OR). */
export interface RuleMatch {
  /** Names of providers. */
  readonly provider: readonly string[]
  readonly groups: readonly string[]
  readonly emails: readonly string[]
  readonly emailDomains: readonly string[]
  readonly claims: Readonly<Record<string, readonly string[]>>
}

/** How a person must have signed in (step-up). Both must hold. */
export interface Requirement {
  /** One of these authentication contexts (`acr`, OpenID Connect Core 2). Empty: any. */
  readonly acr: readonly string[]
  /** At most this long ago (`auth_time`), in ms, when a page or stream is opened. */
  readonly maxAge: number | undefined
}

export interface AccessRule {
  /** The rule's name in the audit: `access[0]`, `allowGroups`, `allowAnyone`, … */
  readonly id: string
  /** Undefined matches any signed-in person. */
  readonly match: RuleMatch | undefined
  readonly role: Role
  readonly require: Requirement | undefined
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

/** Another server beside the desktop, reached under its own path. */
export interface DesktopRoute {
  /** In canonical form, without a trailing slash. */
  readonly path: string
  readonly url: URL
  /** The lowest role that may use the route. */
  readonly role: Role
  /** Remove `path` from a request before it goes to the server. */
  readonly stripPrefix: boolean
  readonly credentials: Credentials | undefined
  readonly tls: DesktopTls
}

export type DesktopKind = 'kasmvnc' | 'rfb'

/** Path of the redirect address at the provider. In a list of providers, the name follows. */
export const CALLBACK_PATH = '/oauth2/callback'

/** Addresses that replace those of the discovery document, because the provider is reached from inside by other ones. */
export interface ProviderEndpoints {
  /** Of the discovery document itself. */
  readonly discovery: URL | undefined
  readonly authorization: URL | undefined
  readonly token: URL | undefined
  readonly userinfo: URL | undefined
  readonly jwks: URL | undefined
  readonly endSession: URL | undefined
}

export interface ClaimPaths {
  readonly sub: string
  readonly email: string
  readonly emailVerified: string
  readonly name: string
  readonly preferredUsername: string
}

/** A forward proxy, and the hosts that are reached without it (as in NO_PROXY). */
export interface ForwardProxy {
  readonly url: string
  readonly exceptions: string
}

/** A provider, and the client that the gateway is registered as there. */
export interface ProviderSettings {
  /** Identifies it in rules, metrics, the log and the address of its sign-in. */
  readonly name: string
  /** What people call it, on the sign-in page. */
  readonly label: string
  /** Path of the redirect address. Each entry of a list has its own (RFC 9700 4.4.2.2). */
  readonly callbackPath: string
  readonly preset: PresetName | undefined
  /** `oauth2`: no ID token; the person is known by an answer of `endpoints.userinfo`. */
  readonly kind: 'oidc' | 'oauth2'
  /** Of an `oauth2` provider: at which paths of that answer the claims are. */
  readonly claims: ClaimPaths
  readonly issuer: URL
  readonly clientId: string
  readonly clientSecret: string | undefined
  /** Undefined: chosen from the methods in the provider's discovery document. */
  readonly clientAuth: ClientAuth | undefined
  readonly privateKeyFile: string | undefined
  /** `kid` of the assertions (RFC 7515 4.1.4). */
  readonly privateKeyId: string | undefined
  /** File with a token that is the client assertion, read at each request. */
  readonly federatedTokenFile: string | undefined
  readonly scopes: string
  readonly authorizationParams: Readonly<Record<string, string>>
  readonly groupsClaim: string
  /** Splits a claim that is one text. */
  readonly groupsSeparator: 'comma' | 'space' | undefined
  /** Origin of Microsoft Graph, which is asked for groups that a token leaves out. */
  readonly groupsFromGraph: URL | undefined
  readonly emailVerified: 'required' | 'assumed'
  readonly caFile: string | undefined
  readonly endpoints: ProviderEndpoints
  readonly proxy: ForwardProxy | undefined
}

/** All durations are milliseconds. */
export interface Settings {
  /** Origin that people open in the browser. Its pathname is `/`. */
  readonly publicUrl: URL
  readonly listen: ListenAddress
  readonly adminListen: ListenAddress
  /** In lower case, without ports. */
  readonly adminHosts: readonly string[]
  readonly adminToken: string | undefined
  /** CIDRs, as written in the settings. */
  readonly trustedProxies: readonly string[]
  /** Undefined: no limit. */
  readonly loginLimit: RateLimit | undefined
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
  /** In the order of the sign-in page. */
  readonly providers: readonly ProviderSettings[]
  readonly session: {
    /** New data is sealed with the first one. All of them can open older data. */
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
  /** The first rule that matches decides. A person without a matching rule is refused. */
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
  readonly limits: {
    /** Of the public listener. Undefined: by the memory there is (net/max-connections.ts). */
    readonly connections: number | undefined
    /** Open tunnels of one person and those being opened, on this replica. */
    readonly tunnelsPerPerson: number
    /** Live sessions of one person, on all replicas. */
    readonly sessionsPerPerson: number
  }
  readonly drain: { readonly delay: number; readonly timeout: number }
  readonly audit: { readonly file: string | undefined }
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
}

/** Holds the effective settings. Readers take `current` at each use and keep no copy, so that it can be replaced. */
export interface SettingsHolder {
  readonly current: Settings
}
