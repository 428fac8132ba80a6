// The effective settings for `--check-config`, written as the YAML file would have them, with nothing secret in it.

import { stringify } from 'yaml'

import { formatDuration } from '../lib/duration.ts'
import type { Credentials, ListenAddress, Settings } from './config.ts'
import { formatRateLimit } from './schema/network-leaves.ts'
import { SETTINGS } from './schema/schema.ts'
import { setAt, valueAt, type Tree } from './read/tree.ts'

const HIDDEN = '(hidden)'

/** YAML text; what is unset is `null`, and each rule carries the id the audit calls it by. */
export function describeSettings(settings: Settings): string {
  const tree = asWritten(settings)
  for (const { path } of SETTINGS.filter(({ secret }) => secret)) {
    const value = valueAt(tree, path)
    if (Array.isArray(value))
      setAt(
        tree,
        path,
        value.map(() => HIDDEN),
      )
    else if (value !== undefined) setAt(tree, path, HIDDEN)
  }
  return stringify(tree, { keepUndefined: true, lineWidth: 0, aliasDuplicateObjects: false })
}

function asWritten(settings: Settings): Tree {
  const { oidc, session, desktop, drain } = settings
  return {
    publicUrl: settings.publicUrl.origin,
    listen: formatListen(settings.listen),
    adminListen: formatListen(settings.adminListen),
    adminToken: settings.adminToken,
    trustedProxies: settings.trustedProxies,
    loginLimit: formatRateLimit(settings.loginLimit),
    tls: { certFile: settings.tls?.certFile, keyFile: settings.tls?.keyFile },
    oidc: { ...oidc, issuer: oidc.issuer.href },
    session: {
      secret: session.secrets,
      store: hidePassword(session.store),
      storeCaFile: session.storeCaFile,
      idleTimeout: formatDuration(session.idleTimeout),
      idleReauth: session.idleReauth,
      maxLifetime: formatDuration(session.maxLifetime),
      revalidateEvery: formatDuration(session.revalidateEvery),
      providerGrace: formatDuration(session.providerGrace),
      storeGrace: formatDuration(session.storeGrace),
    },
    limits: settings.limits,
    access: settings.access.map(({ match, ...rule }) => ({ ...rule, match: match ?? 'anyone' })),
    desktop: {
      url: desktop.url.origin,
      kind: desktop.kind,
      ...formatCredentials(desktop.credentials.control),
      viewer: formatCredentials(desktop.credentials.view),
      owner: formatCredentials(desktop.credentials.owner),
      tls: desktop.tls,
      routes: desktop.routes.map(({ credentials, ...route }) => ({
        ...route,
        url: route.url.origin,
        username: credentials?.username,
        password: credentials && HIDDEN,
      })),
      csp: desktop.csp,
    },
    ui: settings.ui,
    drain: { delay: formatDuration(drain.delay), timeout: formatDuration(drain.timeout) },
    audit: settings.audit,
    logLevel: settings.logLevel,
  }
}

function formatListen({ host, port }: ListenAddress): string {
  if (host === undefined) return `:${port}`
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function formatCredentials(credentials: Credentials | undefined): Tree {
  return { username: credentials?.username, password: credentials?.password }
}

/** `redis://user:secret@host` and `redis://host?password=secret`. */
function hidePassword(store: string): string {
  return store
    .replace(/^(rediss?(?:\+sentinel)?:\/\/).*@/s, `$1${HIDDEN}@`)
    .replace(/([?&][^=&]*pass[^=&]*=)[^&]*/gi, `$1${HIDDEN}`)
}
