// The one schema of the settings, nested as the YAML file is. Environment names, unknown keys, problems, the output
// of `--check-config` and docs/configuration.md are all derived from it.

import type * as z from 'zod'

import { choice, duration, flag, line, list, map } from './leaf.ts'
import { listenAddress, network, rateLimit } from './network-leaves.ts'
import { accessRules } from './rule-leaf.ts'
import { desktopSchema } from './schema-desktop.ts'
import { limitsSchema } from './schema-limits.ts'
import { oidcSchema } from './schema-oidc.ts'
import { sessionSchema } from './schema-session.ts'
import { byDefault, optional, required, settingsOf, type Setting } from './setting.ts'
import { email, emailDomain } from './sign-in-leaves.ts'
import type { Path, Tree } from '../read/tree.ts'
import { publicOrigin } from './web-leaves.ts'
import type { WrittenSettings } from './written-settings.ts'

const permission = choice('allow', 'deny')

const schema: z.ZodType<WrittenSettings> = map({
  publicUrl: required(publicOrigin, {
    env: 'GATEWAY_PUBLIC_URL',
    meaning: 'Origin people open in the browser; https, or http on loopback only.',
  }),
  listen: byDefault(listenAddress, ':8080', {
    env: 'GATEWAY_LISTEN',
    meaning: 'Public listener; without a host it takes all addresses, v4 and v6.',
  }),
  adminListen: byDefault(listenAddress, ':9090', {
    env: 'GATEWAY_ADMIN_LISTEN',
    meaning: 'Listener for health, metrics and the admin API; never put it on the ingress.',
  }),
  adminToken: optional(line, 'none: admin API off', {
    env: 'GATEWAY_ADMIN_TOKEN',
    secret: true,
    meaning: 'Bearer token of the admin API.',
  }),
  trustedProxies: optional(list(network), 'none', {
    env: 'GATEWAY_TRUSTED_PROXIES',
    meaning:
      'CIDRs or addresses of proxies whose `X-Forwarded-For` counts: the rightmost hop that is not one of them is the client. `X-Forwarded-Proto` and `-Host` are never read.',
  }),
  loginLimit: byDefault(rateLimit, '30/m', {
    env: 'GATEWAY_LOGIN_LIMIT',
    meaning:
      'Login attempts per client address in each `s`, `m` or `h`; `off` is no limit. A peer that sends `X-Forwarded-For` without being a trusted proxy is not limited: one warning names this setting.',
  }),
  tls: map({
    certFile: optional(line, 'none: plain HTTP', {
      env: 'GATEWAY_TLS_CERT_FILE',
      meaning: 'PEM certificate chain of the public listener, reloaded on change; needs the key.',
    }),
    keyFile: optional(line, 'none: plain HTTP', {
      env: 'GATEWAY_TLS_KEY_FILE',
      meaning: 'PEM private key of the public listener; needs the certificate.',
    }),
  }).prefault({}),
  oidc: oidcSchema.prefault({}),
  session: sessionSchema.prefault({}),
  limits: limitsSchema.prefault({}),
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
      'Domains whose people may control the desktop: the part of an address after the last `@`, whole, without wildcards.',
  }),
  allowAnyone: byDefault(flag, 'false', {
    env: 'GATEWAY_ALLOW_ANYONE',
    meaning:
      'Any signed-in person may control the desktop. With no rule and not this, the gateway does not start.',
  }),
  viewGroups: optional(list(line), 'none', {
    env: 'GATEWAY_VIEW_GROUPS',
    meaning: 'Groups whose members may only watch; who may control is decided first.',
  }),
  viewEmails: optional(list(email), 'none', {
    env: 'GATEWAY_VIEW_EMAILS',
    meaning: 'People who may only watch, by e-mail address; who may control is decided first.',
  }),
  access: optional(accessRules, 'none', {
    env: undefined,
    meaning: 'Rules, first match wins (see below); not together with the settings above.',
  }),
  clipboardIn: byDefault(permission, 'allow', {
    env: 'GATEWAY_CLIPBOARD_IN',
    meaning: 'For rules that do not say: `deny` drops what people paste into the desktop.',
  }),
  downloads: byDefault(permission, 'allow', {
    env: 'GATEWAY_DOWNLOADS',
    meaning: "For rules that do not say: `deny` closes KasmVNC's Downloads.",
  }),
  desktop: desktopSchema.prefault({}),
  ui: map({
    panel: byDefault(flag, 'true', {
      env: 'GATEWAY_UI_PANEL',
      meaning:
        "The panel on the desktop's page: who is signed in and for how long, sign-out, a warning before the end, the way back. `false` leaves the page byte for byte.",
    }),
  }).prefault({}),
  drain: map({
    delay: byDefault(duration(), '5s', {
      env: 'GATEWAY_DRAIN_DELAY',
      meaning:
        'How long a stopping gateway goes on as before, until no load balancer sends it anybody.',
    }),
    timeout: byDefault(duration(), '25s', {
      env: 'GATEWAY_DRAIN_TIMEOUT',
      meaning:
        'How long it then waits for requests under way; streams are closed at once, with a word.',
    }),
  }).prefault({}),
  audit: map({
    file: optional(line, 'stdout only', {
      env: 'GATEWAY_AUDIT_FILE',
      meaning: 'File that gets the audit lines beside stdout.',
    }),
  }).prefault({}),
  logLevel: byDefault(
    choice('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'info',
    {
      env: 'GATEWAY_LOG_LEVEL',
      meaning: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`.',
    },
  ),
})

/** Every setting there is, in the order of the documentation. */
export const SETTINGS: readonly Setting[] = settingsOf(schema)

/** One thing the schema refuses. `keys` are the unknown ones of the map at `path`. */
export interface SchemaIssue {
  readonly path: Path
  readonly message: string
  readonly input: unknown
  readonly keys: readonly string[]
}

export type SchemaResult =
  | { readonly ok: true; readonly written: WrittenSettings }
  | { readonly ok: false; readonly issues: readonly SchemaIssue[] }

/** Reads the leaves one by one; nothing in here looks from one setting at another. */
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
