// The settings as written, after each was validated by itself. check-together.ts and access-rules.ts check them against
// each other. assemble-settings.ts turns them into `Settings`.

import type {
  DesktopTls,
  Permission,
  ProviderSettings,
  Requirement,
  Role,
  RuleMatch,
  Settings,
} from '../config.ts'

/** One entry of the YAML list `access`. */
export interface WrittenRule {
  readonly match?: RuleMatch | undefined
  readonly role?: Role | undefined
  readonly require?: Requirement | undefined
  readonly clipboardIn?: Permission | undefined
  readonly downloads?: Permission | undefined
}

export interface WrittenCredentials {
  readonly username?: string | undefined
  readonly password?: string | undefined
}

/** One entry of the YAML list `desktop.routes`. */
export interface WrittenRoute extends WrittenCredentials {
  readonly path: string
  readonly url: URL
  readonly role: Role
  readonly stripPrefix: boolean
  readonly tls: WrittenTls
}

export type WrittenTls = WithOptional<DesktopTls, 'caFile' | 'fingerprint'>

/** T in which the keys K may be missing. */
type WithOptional<T, K extends keyof T> = Omit<T, K> & { readonly [P in K]?: T[P] | undefined }

type Unchanged = 'listen' | 'adminListen' | 'loginLimit' | 'ui' | 'drain' | 'logLevel'

/** The map `oidc`, or an entry of that list. */
export type WrittenProvider = WithOptional<
  Omit<ProviderSettings, 'callbackPath' | 'groupsFromGraph' | 'endpoints' | 'proxy'> & {
    readonly groupsFromGraph: boolean | URL
    readonly endpoints: Partial<ProviderSettings['endpoints']>
    /** A URL, or `none`. */
    readonly proxy?: string | undefined
  },
  | 'name'
  | 'label'
  | 'preset'
  | 'issuer'
  | 'clientId'
  | 'clientSecret'
  | 'clientAuth'
  | 'privateKeyFile'
  | 'privateKeyId'
  | 'federatedTokenFile'
  | 'groupsSeparator'
  | 'authorizationParams'
  | 'caFile'
>

export interface WrittenSettings extends Pick<Settings, Unchanged> {
  readonly publicUrl?: URL | undefined
  readonly trustedProxies?: Settings['trustedProxies'] | undefined
  readonly adminHosts?: Settings['adminHosts'] | undefined
  readonly adminToken?: string | undefined
  readonly tls: { readonly certFile?: string | undefined; readonly keyFile?: string | undefined }
  /** `path` is `oidc`, or `oidc[0]` in a list. */
  readonly oidc: readonly (WrittenProvider & { readonly path: string })[]
  readonly session: WithOptional<Omit<Settings['session'], 'secrets'>, 'storeCaFile'> & {
    readonly secret?: Settings['session']['secrets'] | undefined
  }
  readonly access?: readonly WrittenRule[] | undefined
  readonly allowGroups?: readonly string[] | undefined
  readonly allowEmails?: readonly string[] | undefined
  readonly allowEmailDomains?: readonly string[] | undefined
  readonly allowAnyone: boolean | readonly string[]
  readonly viewGroups?: readonly string[] | undefined
  readonly viewEmails?: readonly string[] | undefined
  readonly clipboardIn: Permission
  readonly downloads: Permission
  readonly desktop: WrittenCredentials & {
    readonly url?: URL | undefined
    readonly kind: Settings['desktop']['kind']
    readonly viewer: WrittenCredentials
    readonly owner: WrittenCredentials
    readonly tls: WrittenTls
    readonly routes?: readonly WrittenRoute[] | undefined
    readonly csp?: string | undefined
  }
  readonly limits: WithOptional<Settings['limits'], 'connections'>
  readonly audit: { readonly file?: string | undefined }
}
