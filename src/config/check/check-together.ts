// Checks settings against each other. Each of them is already valid by itself.

import type { AccessRule } from '../config.ts'
import { checkProviders } from './check-providers.ts'
import { parseStoreAddress } from '../../lib/store-address.ts'
import { nameOf, problem, type Problem } from '../read/problem.ts'
import { SETTINGS } from '../schema/schema.ts'
import { sectionsAt, valueAt, type Tree } from '../read/tree.ts'
import type {
  WrittenCredentials,
  WrittenRoute,
  WrittenSettings,
} from '../schema/written-settings.ts'

/** KasmVNC refuses longer credentials (base64), and compares only this many bytes of a user name. */
const MAX_CREDENTIAL_BYTES = 256
const MAX_USERNAME_BYTES = 127

export function checkRequired(tree: Tree): readonly Problem[] {
  const providers = Array.isArray(tree['oidc']) ? sectionsAt(tree, 'oidc') : []
  return SETTINGS.filter(({ required }) => required).flatMap(({ path, secret }) => {
    const words = secret
      ? `must be set; or put it in a file and set ${nameOf(`${path}File`)}`
      : 'must be set'
    const key = path.slice('oidc.'.length)
    if (providers.length > 0 && path === `oidc.${key}`) {
      return providers
        .filter(({ section }) => section[key] === undefined)
        .map((provider) => problem(`${provider.path}.${key}`, words))
    }
    return valueAt(tree, path) === undefined ? [problem(path, words)] : []
  })
}

export function checkTogether(
  written: WrittenSettings,
  rules: readonly AccessRule[],
): readonly Problem[] {
  return [
    ...checkPair('tls.certFile', 'tls.keyFile', written.tls.certFile, written.tls.keyFile),
    ...checkProviders(written, rules),
    ...checkCredentials('desktop', written.desktop, written),
    ...checkCredentials('desktop.viewer', written.desktop.viewer, written),
    ...checkCredentials('desktop.owner', written.desktop.owner, written),
    ...checkStoreTls(written.session),
    ...checkDesktopTls('desktop', written.desktop),
    ...checkRoutes(written.desktop.routes ?? []),
    ...checkViewers(written.desktop, rules),
    ...checkOwners(written.desktop, rules),
    ...checkDownloads(written, rules),
  ]
}

function checkPair(
  first: string,
  second: string,
  firstValue: string | undefined,
  secondValue: string | undefined,
): readonly Problem[] {
  if ((firstValue === undefined) === (secondValue === undefined)) return []
  const [absent, present] = firstValue === undefined ? [first, second] : [second, first]
  return [
    problem(
      [absent, present],
      `must be set too, because ${nameOf(present)} is set; set both or neither`,
    ),
  ]
}

function checkCredentials(
  section: string,
  { username, password }: WrittenCredentials,
  { desktop }: WrittenSettings,
): readonly Problem[] {
  const [name, secret] = [`${section}.username`, `${section}.password`] as const
  if (username === undefined || password === undefined) {
    return checkPair(name, secret, username, password)
  }
  if (desktop.kind !== 'kasmvnc') return []
  const encoded = Buffer.from(`${username}:${password}`).toString('base64')
  return [
    ...(Buffer.byteLength(username) > MAX_USERNAME_BYTES
      ? [problem(name, `must be shorter than ${MAX_USERNAME_BYTES + 1} bytes for KasmVNC`)]
      : []),
    ...(encoded.length > MAX_CREDENTIAL_BYTES
      ? [
          problem(
            [secret, name],
            'must be shorter: KasmVNC takes at most 192 bytes of user name, colon and password together',
          ),
        ]
      : []),
  ]
}

/** Without TLS the CA has no effect, but its presence suggests that the connection is encrypted. */
function checkStoreTls({ store, storeCaFile }: WrittenSettings['session']): readonly Problem[] {
  if (storeCaFile === undefined) return []
  const parsed = parseStoreAddress(store)
  const isTls = parsed.ok && parsed.address.kind === 'redis' && parsed.address.tls
  const words = `needs a store with TLS (rediss) in ${nameOf('session.store')}; change that or remove this setting`
  return isTls ? [] : [problem(['session.storeCaFile', 'session.store'], words)]
}

function checkDesktopTls(
  section: string,
  { url, tls }: Pick<WrittenSettings['desktop'], 'url' | 'tls'>,
): readonly Problem[] {
  const [urlPath, insecurePath] = [`${section}.url`, `${section}.tls.insecure`] as const
  const given = (['caFile', 'fingerprint'] as const).filter((key) => tls[key] !== undefined)
  return given.flatMap((key) => {
    const path = `${section}.tls.${key}`
    if (tls.insecure) {
      const words = `must not be given together with ${nameOf(insecurePath)}; keep one of the two`
      return [problem([path, insecurePath], words)]
    }
    if (url?.protocol === 'http:') {
      return [
        problem(
          [path, urlPath],
          `needs an https address in ${nameOf(urlPath)}; change that or remove this setting`,
        ),
      ]
    }
    return []
  })
}

function checkRoutes(routes: readonly WrittenRoute[]): readonly Problem[] {
  return routes.flatMap((route, index) => {
    const section = `desktop.routes[${index}]`
    const { username, password, path } = route
    const isTaken = routes.findIndex((other) => other.path === path) < index
    return [
      ...checkPair(`${section}.username`, `${section}.password`, username, password),
      ...checkDesktopTls(section, route),
      ...(isTaken
        ? [
            problem(
              `${section}.path`,
              `another route already has the path ${path}; remove one of them`,
            ),
          ]
        : []),
    ]
  })
}

/** KasmVNC can only tell viewers from others by their user, so they need a separate one. */
function checkViewers(
  { kind, username, viewer }: WrittenSettings['desktop'],
  rules: readonly AccessRule[],
): readonly Problem[] {
  if (kind !== 'kasmvnc') return []
  const isDistinct = viewer.username !== undefined && viewer.username !== username
  if (isDistinct) return []
  const need = `${nameOf('desktop.viewer.username')} and ${nameOf('desktop.viewer.password')}`
  return rules
    .filter(({ role }) => role === 'view')
    .map(({ id }) => {
      const place = id.startsWith('access[') ? `${id}.role` : id
      const words = `role view needs a separate desktop user without write permission: set ${need}, or remove this`
      return problem([place, 'desktop.viewer'], words)
    })
}

/** KasmVNC refuses requests without credentials and, after a few of them, blocks the address. */
function checkOwners(
  { kind, owner }: WrittenSettings['desktop'],
  rules: readonly AccessRule[],
): readonly Problem[] {
  if (kind !== 'kasmvnc' || owner.username !== undefined) return []
  const need = `${nameOf('desktop.owner.username')} and ${nameOf('desktop.owner.password')}`
  const words = `role owner needs a desktop user who may use KasmVNC's API: set ${need}, or choose control`
  return rules
    .filter(({ role }) => role === 'owner')
    .map(({ id }) => problem([`${id}.role`, 'desktop.owner'], words))
}

/** The gateway does not know the download paths of an RFB server, so it cannot block them. */
function checkDownloads(
  { desktop, downloads }: WrittenSettings,
  rules: readonly AccessRule[],
): readonly Problem[] {
  if (desktop.kind !== 'rfb') return []
  const words =
    "deny blocks KasmVNC's downloads, and a desktop of kind rfb has none; remove this setting"
  if (downloads === 'deny') return [problem(['downloads', 'desktop.kind'], words)]
  return rules
    .filter((rule) => rule.downloads === 'deny')
    .map(({ id }) => problem([`${id}.downloads`, 'desktop.kind'], words))
}

/** Settings that are allowed but dangerous, or that have no effect. Logged at start. */
export function warningsAbout(written: WrittenSettings): string[] {
  const warnings: string[] = []
  if (written.desktop.tls.insecure) {
    warnings.push(`${nameOf('desktop.tls.insecure')}: any certificate is accepted for the desktop`)
  }
  for (const [index, { path, tls }] of (written.desktop.routes ?? []).entries()) {
    const setting = `desktop.routes[${index}].tls.insecure`
    if (tls.insecure) warnings.push(`${setting}: any certificate is accepted for ${path}`)
  }
  if (written.allowAnyone !== false) {
    const useless = (['viewGroups', 'viewEmails'] as const).filter((list) => written[list]?.length)
    const words = `restricts nobody, because ${nameOf('allowAnyone')} lets everyone control the desktop`
    warnings.push(...useless.map((list) => `${nameOf(list)}: ${words}`))
  }
  return warnings
}
