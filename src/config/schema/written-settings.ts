// The settings leaf by leaf, as they were written and each is sound by itself. Whether they agree with each other
// is check-together.ts and access-rules.ts; load.ts turns them into `Settings`.

import type { DesktopTls, Permission, Role, RuleMatch, Settings } from '../config.ts'

/** One entry of the YAML list `access`. */
export interface WrittenRule {
  readonly match?: RuleMatch | undefined
  readonly role?: Role | undefined
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

export type WrittenTls = Lacking<DesktopTls, 'caFile' | 'fingerprint'>

/** T with these keys possibly absent. */
type Lacking<T, K extends keyof T> = Omit<T, K> & { readonly [P in K]?: T[P] | undefined }

type Unchanged = 'listen' | 'adminListen' | 'loginLimit' | 'limits' | 'ui' | 'drain' | 'logLevel'

export interface WrittenSettings extends Pick<Settings, Unchanged> {
  readonly publicUrl?: URL | undefined
  readonly trustedProxies?: Settings['trustedProxies'] | undefined
  readonly adminToken?: string | undefined
  readonly tls: { readonly certFile?: string | undefined; readonly keyFile?: string | undefined }
  readonly oidc: Lacking<
    Settings['oidc'],
    | 'issuer'
    | 'clientId'
    | 'clientSecret'
    | 'clientAuth'
    | 'privateKeyFile'
    | 'authorizationParams'
    | 'caFile'
  >
  readonly session: Lacking<Omit<Settings['session'], 'secrets'>, 'storeCaFile'> & {
    readonly secret?: Settings['session']['secrets'] | undefined
  }
  readonly access?: readonly WrittenRule[] | undefined
  readonly allowGroups?: readonly string[] | undefined
  readonly allowEmails?: readonly string[] | undefined
  readonly allowEmailDomains?: readonly string[] | undefined
  readonly allowAnyone: boolean
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
  readonly audit: { readonly file?: string | undefined }
}
