// From what was written to what the gateway reads.

import type { AccessRule, Credentials, DesktopTls, Role, Settings } from './config.ts'
import type { WrittenCredentials, WrittenSettings, WrittenTls } from './schema/written-settings.ts'

/** Undefined while something required is absent. The result is frozen. */
export function assembleSettings(
  written: WrittenSettings,
  access: readonly AccessRule[],
): Settings | undefined {
  const { publicUrl, tls, oidc, session, desktop } = written
  const { issuer, clientId } = oidc
  const { secret: secrets, ...lifetimes } = session
  if (publicUrl === undefined || issuer === undefined || clientId === undefined) return undefined
  if (secrets === undefined || desktop.url === undefined) return undefined
  return deepFreeze({
    publicUrl,
    listen: written.listen,
    adminListen: written.adminListen,
    adminToken: written.adminToken,
    trustedProxies: written.trustedProxies ?? [],
    loginLimit: written.loginLimit,
    tls:
      tls.certFile === undefined || tls.keyFile === undefined
        ? undefined
        : { certFile: tls.certFile, keyFile: tls.keyFile },
    oidc: {
      issuer,
      clientId,
      clientSecret: oidc.clientSecret,
      clientAuth: oidc.clientAuth,
      privateKeyFile: oidc.privateKeyFile,
      scopes: oidc.scopes,
      authorizationParams: oidc.authorizationParams ?? {},
      groupsClaim: oidc.groupsClaim,
      emailVerified: oidc.emailVerified,
      caFile: oidc.caFile,
    },
    session: { ...lifetimes, secrets, storeCaFile: session.storeCaFile },
    limits: written.limits,
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
    drain: written.drain,
    audit: { file: written.audit.file },
    logLevel: written.logLevel,
  })
}

function credentials(role: Role, written: WrittenCredentials): Partial<Record<Role, Credentials>> {
  const whole = pair(written)
  return whole === undefined ? {} : { [role]: whole }
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
