// Turns the settings as written into the `Settings` that the gateway reads.

import {
  CALLBACK_PATH,
  type AccessRule,
  type Credentials,
  type DesktopTls,
  type ProviderSettings,
  type Role,
  type Settings,
} from './config.ts'
import { chooseProxy, type ProxyVariables } from './forward-proxy.ts'
import { graphFor, nameOfProvider, PRESETS } from './presets.ts'
import type { WrittenCredentials, WrittenSettings, WrittenTls } from './schema/written-settings.ts'

/** Returns undefined when a required setting is missing. The result is frozen. */
export function assembleSettings(
  written: WrittenSettings,
  access: readonly AccessRule[],
  proxyVariables: ProxyVariables,
): Settings | undefined {
  const { publicUrl, tls, session, desktop } = written
  const { secret: secrets, ...lifetimes } = session
  const providers = written.oidc.flatMap(
    (provider) => completeProvider(provider, proxyVariables) ?? [],
  )
  if (providers.length < written.oidc.length || publicUrl === undefined) return undefined
  if (secrets === undefined || desktop.url === undefined) return undefined
  return deepFreeze({
    publicUrl,
    listen: written.listen,
    adminListen: written.adminListen,
    adminHosts: written.adminHosts ?? [],
    adminToken: written.adminToken,
    trustedProxies: written.trustedProxies ?? [],
    loginLimit: written.loginLimit,
    tls:
      tls.certFile === undefined || tls.keyFile === undefined
        ? undefined
        : { certFile: tls.certFile, keyFile: tls.keyFile },
    providers,
    session: { ...lifetimes, secrets, storeCaFile: session.storeCaFile },
    access,
    desktop: {
      url: desktop.url,
      kind: desktop.kind,
      credentials: {
        ...credentials('control', desktop),
        ...credentials('view', desktop.viewer),
        ...credentials('owner', desktop.owner),
      },
      tls: completeTls(desktop.tls),
      routes: (desktop.routes ?? []).map(
        ({ path, url, role, stripPrefix, tls: routeTls, ...login }) => ({
          path,
          url,
          role,
          stripPrefix,
          credentials: pair(login),
          tls: completeTls(routeTls),
        }),
      ),
      csp: desktop.csp,
    },
    ui: written.ui,
    limits: { ...written.limits, connections: written.limits.connections },
    drain: written.drain,
    audit: { file: written.audit.file },
    logLevel: written.logLevel,
  })
}

function completeProvider(
  written: WrittenSettings['oidc'][number],
  proxyVariables: ProxyVariables,
): ProviderSettings | undefined {
  const { issuer, clientId, preset, path } = written
  if (issuer === undefined || clientId === undefined) return undefined
  const name = nameOfProvider(written)
  return {
    name,
    label: written.label ?? (preset === undefined ? issuer.host : PRESETS[preset].label),
    callbackPath: path === 'oidc' ? CALLBACK_PATH : `${CALLBACK_PATH}/${name}`,
    preset,
    issuer,
    clientId,
    clientSecret: written.clientSecret,
    clientAuth: written.clientAuth,
    privateKeyFile: written.privateKeyFile,
    privateKeyId: written.privateKeyId,
    federatedTokenFile: written.federatedTokenFile,
    scopes: written.scopes,
    // An empty value removes a parameter of the preset.
    authorizationParams: Object.fromEntries(
      Object.entries(written.authorizationParams ?? {}).filter(([, value]) => value !== ''),
    ),
    groupsClaim: written.groupsClaim,
    groupsSeparator: written.groupsSeparator,
    groupsFromGraph:
      written.groupsFromGraph === true ? graphFor(issuer) : written.groupsFromGraph || undefined,
    emailVerified: written.emailVerified,
    caFile: written.caFile,
    endpoints: {
      discovery: undefined,
      authorization: undefined,
      token: undefined,
      userinfo: undefined,
      jwks: undefined,
      endSession: undefined,
      ...written.endpoints,
    },
    proxy: chooseProxy(written.proxy, issuer, proxyVariables),
  }
}

function credentials(role: Role, written: WrittenCredentials): Partial<Record<Role, Credentials>> {
  const complete = pair(written)
  return complete === undefined ? {} : { [role]: complete }
}

function pair({ username, password }: WrittenCredentials): Credentials | undefined {
  return username === undefined || password === undefined ? undefined : { username, password }
}

function completeTls({ caFile, fingerprint, insecure }: WrittenTls): DesktopTls {
  return { caFile, fingerprint, insecure }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const child of Object.values(value)) deepFreeze(child)
  return Object.freeze(value)
}
