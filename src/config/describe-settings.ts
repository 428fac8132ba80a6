// Prints the effective settings for `check` in the form of the YAML file, without secrets.

import { stringify } from 'yaml'

import { formatDuration } from '../lib/duration.ts'
import { CALLBACK_PATH, type Credentials, type ListenAddress, type Settings } from './config.ts'
import { formatRateLimit } from './schema/network-leaves.ts'
import { SETTINGS } from './schema/schema.ts'
import type { Tree } from '../lib/tree.ts'
import { setAt, valueAt } from './read/tree.ts'

const HIDDEN = '(hidden)'

/** YAML text. A setting that is not set is `null`. Each rule has the id that names it in the audit. */
export function describeSettings(settings: Settings): string {
  const tree = withoutSecrets(settings)
  return stringify(tree, { keepUndefined: true, lineWidth: 0, aliasDuplicateObjects: false })
}

/** Nested as the YAML file is. A setting that is not set is undefined. */
export function withoutSecrets(settings: Settings): Tree {
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
  return tree
}

function asWritten(settings: Settings): Tree {
  const { session, desktop, drain } = settings
  const providers = settings.providers.map((provider) => ({
    ...omit(provider, 'callbackPath'),
    issuer: provider.issuer.href,
    clientSecret: provider.clientSecret && HIDDEN,
    endpoints: Object.fromEntries(
      Object.entries(provider.endpoints).map(([name, url]) => [
        name,
        (url as URL | undefined)?.href,
      ]),
    ),
    proxy: provider.proxy && HIDDEN,
    groupsFromGraph: provider.groupsFromGraph?.origin ?? false,
  }))
  const isList = settings.providers.some(({ callbackPath }) => callbackPath !== CALLBACK_PATH)
  return {
    publicUrl: settings.publicUrl.origin,
    listen: formatListen(settings.listen),
    adminListen: formatListen(settings.adminListen),
    adminHosts: settings.adminHosts,
    adminToken: settings.adminToken,
    trustedProxies: settings.trustedProxies,
    loginLimit: formatRateLimit(settings.loginLimit),
    tls: { certFile: settings.tls?.certFile, keyFile: settings.tls?.keyFile },
    oidc: isList ? providers : providers[0],
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
    access: settings.access.map(({ match, require: needed, ...rule }) => ({
      ...rule,
      match: match ?? 'anyone',
      require: needed && {
        acr: needed.acr,
        maxAge: needed.maxAge === undefined ? undefined : formatDuration(needed.maxAge),
      },
    })),
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
    limits: settings.limits,
    drain: { delay: formatDuration(drain.delay), timeout: formatDuration(drain.timeout) },
    audit: settings.audit,
    logLevel: settings.logLevel,
  }
}

function omit<T extends object, K extends keyof T>(from: T, key: K): Omit<T, K> {
  const rest = { ...from }
  delete rest[key]
  return rest
}

function formatListen({ host, port }: ListenAddress): string {
  if (host === undefined) return `:${port}`
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function formatCredentials(credentials: Credentials | undefined): Tree {
  return { username: credentials?.username, password: credentials?.password }
}

/** Hides the secret in `redis://user:secret@host` and in `redis://host?password=secret`. */
function hidePassword(store: string): string {
  return store
    .replace(/^(rediss?(?:\+sentinel)?:\/\/).*@/s, `$1${HIDDEN}@`)
    .replace(/([?&][^=&]*pass[^=&]*=)[^&]*/gi, `$1${HIDDEN}`)
}
