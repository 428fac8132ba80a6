// The schema of all settings, nested like the YAML file. Environment names, unknown keys, problems, the output of
// `--check-config` and docs/configuration.md are derived from it.

import type * as z from 'zod'

import { choice, duration, flag, line, list, map } from './leaf.ts'
import { hostName, listenAddress, network, rateLimit } from './network-leaves.ts'
import { accessRules } from './rule-leaf.ts'
import { adminToken } from './secret-leaves.ts'
import { desktopSchema } from './schema-desktop.ts'
import { limitsSchema } from './schema-limits.ts'
import { oidcSchema } from './schema-oidc.ts'
import { sessionSchema } from './schema-session.ts'
import { byDefault, oneOrMore, optional, required, settingsOf, type Setting } from './setting.ts'
import { anyone, email, emailDomain } from './sign-in-leaves.ts'
import type { Path, Tree } from '../read/tree.ts'
import { publicOrigin } from './web-leaves.ts'
import type { WrittenSettings } from './written-settings.ts'

const permission = choice('allow', 'deny')

const schema: z.ZodType<WrittenSettings> = map({
  publicUrl: required(publicOrigin, {
    env: 'GATEWAY_PUBLIC_URL',
    meaning: 'Origin that people open in the browser: https, or http on loopback only.',
  }),
  listen: byDefault(listenAddress, ':8080', {
    env: 'GATEWAY_LISTEN',
    meaning:
      'Address of the public listener. Without a host it listens on all addresses, IPv4 and IPv6.',
  }),
  adminListen: byDefault(listenAddress, ':9090', {
    env: 'GATEWAY_ADMIN_LISTEN',
    meaning:
      'Address of the listener for health, metrics and the admin API. Never expose it through the ingress.',
  }),
  adminHosts: optional(list(hostName), 'none', {
    env: 'GATEWAY_ADMIN_HOSTS',
    meaning:
      'Host names that the admin listener answers to, besides IP addresses and `localhost`. Any other name is refused with 421: a web page could point a name of its own at this listener and read it (DNS rebinding).',
  }),
  adminToken: optional(adminToken, 'none: admin API off', {
    env: 'GATEWAY_ADMIN_TOKEN',
    secret: true,
    meaning: 'Bearer token of the admin API, at least 16 characters.',
  }),
  trustedProxies: optional(list(network), 'none', {
    env: 'GATEWAY_TRUSTED_PROXIES',
    meaning:
      'CIDRs or addresses of the proxies whose `X-Forwarded-For` is trusted. The client is the rightmost address in it that is not one of them. `X-Forwarded-Proto` and `X-Forwarded-Host` are never read.',
  }),
  loginLimit: byDefault(rateLimit, '30/m', {
    env: 'GATEWAY_LOGIN_LIMIT',
    meaning:
      'Login attempts per client address in each `s`, `m` or `h`; `off` is no limit. All attempts through a peer that sends `X-Forwarded-For` without being a trusted proxy count together, against ten times this limit: one warning names the setting.',
  }),
  tls: map({
    certFile: optional(line, 'none: plain HTTP', {
      env: 'GATEWAY_TLS_CERT_FILE',
      meaning:
        'File with the PEM certificate chain of the public listener, reloaded when it changes. Requires `tls.keyFile`.',
    }),
    keyFile: optional(line, 'none: plain HTTP', {
      env: 'GATEWAY_TLS_KEY_FILE',
      meaning: 'File with the PEM private key of the public listener. Requires `tls.certFile`.',
    }),
  }).prefault({}),
  oidc: oneOrMore('oidc', oidcSchema).prefault({}),
  session: sessionSchema.prefault({}),
  allowGroups: optional(list(line), 'none', {
    env: 'GATEWAY_ALLOW_GROUPS',
    meaning: 'Groups whose members may control the desktop.',
  }),
  allowEmails: optional(list(email), 'none', {
    env: 'GATEWAY_ALLOW_EMAILS',
    meaning: 'People who may control the desktop, by e-mail address.',
  }),
  allowEmailDomains: optional(list(emailDomain), 'none', {
    env: 'GATEWAY_ALLOW_EMAIL_DOMAINS',
    meaning:
      'Domains whose people may control the desktop: the part of an address after its one `@`, whole, without wildcards.',
  }),
  allowAnyone: byDefault(anyone, 'false', {
    env: 'GATEWAY_ALLOW_ANYONE',
    meaning:
      '`true` lets any signed-in person control the desktop. At a provider where anybody can open an account, `true` is not enough: write `everyone-at-google` (`-gitlab`, `-gitea`, `-codeberg`; several with commas). Without this and without any rule, the gateway does not start.',
  }),
  viewGroups: optional(list(line), 'none', {
    env: 'GATEWAY_VIEW_GROUPS',
    meaning:
      'Groups whose members may only watch. A person who also matches one of the settings above may control.',
  }),
  viewEmails: optional(list(email), 'none', {
    env: 'GATEWAY_VIEW_EMAILS',
    meaning:
      'People who may only watch, by e-mail address. A person who also matches a setting for control may control.',
  }),
  access: optional(accessRules, 'none', {
    env: undefined,
    meaning:
      'List of rules; the first match decides (see below). Cannot be used together with the settings above.',
  }),
  clipboardIn: byDefault(permission, 'allow', {
    env: 'GATEWAY_CLIPBOARD_IN',
    meaning:
      '`deny` drops what people paste into the desktop. A rule in `access` can set its own value.',
  }),
  downloads: byDefault(permission, 'allow', {
    env: 'GATEWAY_DOWNLOADS',
    meaning: "`deny` blocks KasmVNC's Downloads. A rule in `access` can set its own value.",
  }),
  desktop: desktopSchema.prefault({}),
  ui: map({
    panel: byDefault(flag, 'true', {
      env: 'GATEWAY_UI_PANEL',
      meaning:
        "Adds a panel to the desktop's page. It shows who is signed in and for how long, offers sign-out, warns before the session ends and reconnects. With `false` the page is not changed.",
    }),
  }).prefault({}),
  limits: limitsSchema.prefault({}),
  drain: map({
    delay: byDefault(duration(), '5s', {
      env: 'GATEWAY_DRAIN_DELAY',
      meaning:
        'How long a stopping gateway continues to serve as before, so that load balancers can take it out of rotation.',
    }),
    timeout: byDefault(duration(), '25s', {
      env: 'GATEWAY_DRAIN_TIMEOUT',
      meaning:
        'How long it then waits for requests in progress. Streams are closed at once, with a Close frame that tells the reason.',
    }),
  }).prefault({}),
  audit: map({
    file: optional(line, 'stdout only', {
      env: 'GATEWAY_AUDIT_FILE',
      meaning: 'File that receives the audit lines in addition to stdout.',
    }),
  }).prefault({}),
  logLevel: byDefault(
    choice('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'info',
    {
      env: 'GATEWAY_LOG_LEVEL',
      meaning:
        'Least severe level that is logged: `fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`.',
    },
  ),
})

/** All settings, in the order of the documentation. */
export const SETTINGS: readonly Setting[] = settingsOf(schema)

/** A value that the schema refuses, or unknown `keys` in the map at `path`. */
export interface SchemaIssue {
  readonly path: Path
  readonly message: string
  readonly input: unknown
  readonly keys: readonly string[]
}

export type SchemaResult =
  | { readonly ok: true; readonly written: WrittenSettings }
  | { readonly ok: false; readonly issues: readonly SchemaIssue[] }

/** Validates each leaf by itself. check/check-together.ts checks settings against each other. */
export function readSchema(tree: Tree): SchemaResult {
  const result = schema.safeParse(tree, { reportInput: true })
  if (result.success) return { ok: true, written: result.data }
  const issues = result.error.issues.map((issue) => ({
    path: issue.path,
    message: issue.message,
    input: issue.input,
    keys: issue.code === 'unrecognized_keys' ? issue.keys : [],
  }))
  return { ok: false, issues }
}
