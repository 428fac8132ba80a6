// Writes docs/migrating-from-oauth2-proxy.md from the tables of the importer: `npm run docs`. A unit test fails when the file is
// out of date.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Option } from '../src/import/options/option.ts'
import { OPTION_GROUPS, PLAIN_OPTIONS } from '../src/import/options/options.ts'

export const MIGRATION_DOC: string = join(
  import.meta.dirname,
  '../docs/migrating-from-oauth2-proxy.md',
)

const GUIDE = `# Moving from oauth2-proxy

<!-- Written by \`npm run docs\` from src/import/options and scripts/write-migration-doc.ts. Change those, not this file. -->

For people who run [oauth2-proxy](https://github.com/oauth2-proxy/oauth2-proxy) 7 in front of a KasmVNC desktop. A command
translates its configuration; the tables below say what becomes of each option.

\`\`\`sh
npm start --silent -- import-oauth2-proxy oauth2-proxy.cfg > gateway.yaml
docker run --rm -v "$PWD:/in:ro" ghostwire-gateway import-oauth2-proxy /in/oauth2-proxy.cfg > gateway.yaml
\`\`\`

A FILE is the configuration file (TOML), command line flags (in one line, one a line, or as a YAML list of \`args\`), or
\`OAUTH2_PROXY_…\` variables. The content tells which; \`--format toml|flags|env\` overrides it. Give all files that belong together:
flags win over variables, and variables over the configuration file. \`--alpha-config FILE\` adds the alpha configuration.

The settings go to stdout and the report to stderr. The report lists what was not carried over, why, and what is left to do.

| exit code | meaning |
|---|---|
| 0 | everything that restricts was carried over; the report may list options that change nothing about who or what gets in |
| 2 | an option that restricts something, or decides who gets in, was not carried over: read the report before you start the gateway |
| 1 | the input cannot be read, or contains an unknown option; nothing is written to stdout |

When the importer cannot carry over who may sign in, it writes no rule rather than a weaker one. The gateway does not start without a
rule. Secrets are never printed: the settings name files for them.

## What changes

* **One desktop for each gateway.** oauth2-proxy protects many applications at once. The gateway protects one desktop, and what
  \`desktop.routes\` adds under paths of the same origin. Keep oauth2-proxy for your other applications.
* **Streams end with the session.** A sign-out, a logout from the provider or a lost group closes open desktops within a second
  of the gateway learning of it.
* **Cookies.** The cookie is \`__Host-ghostwire\`, for one host, and contains no session. A cookie for a whole domain, and
  so one sign-in for several hosts, does not exist; single sign-on at the provider takes its place.
* **Sessions.** They are in memory, SQLite or Redis, sealed. Sessions of oauth2-proxy are not taken over: everybody signs in
  once. A session ends 12 hours after the sign-in, or after 30 minutes without input (\`session.maxLifetime\`,
  \`session.idleTimeout\`); oauth2-proxy has 168 hours and no idle timeout.
* **Rules.** oauth2-proxy requires an address that is allowed and, if groups are named, one of the groups. The lists
  \`allowGroups\`, \`allowEmails\` and \`allowEmailDomains\` are alternatives instead, so the importer writes \`access\` rules
  where both are required. An address counts only if the provider says that it is verified
  (\`oidc.emailVerified\`).
* **The provider** is an OpenID Provider with discovery. PKCE, nonce and issuer are always verified.
* **The desktop's password.** The gateway signs in to KasmVNC (\`desktop.username\`, \`desktop.passwordFile\`). Nobody types it, and
  no identity header is sent to the desktop.
* **Probes and metrics** are on a listener of their own (\`adminListen\`): \`/healthz\`, \`/readyz\`, \`/metrics\`.

## Ingress

With oauth2-proxy as \`auth_request\` or ForwardAuth, the ingress carries the stream to the desktop. With the gateway, it is best to let
the ingress send everything to the gateway's Service and to remove the annotations for external authentication:

| annotation of ingress-nginx | with the gateway |
|---|---|
| \`nginx.ingress.kubernetes.io/auth-url\`, \`auth-signin\` | remove; the backend of the Ingress is the gateway |
| \`auth-response-headers\` | remove; the desktop needs none |
| \`proxy-read-timeout\`, \`proxy-send-timeout\` | the gateway pings idle streams every 30 s, so short time-outs do not cut them |
| \`proxy-buffer-size\`, set for large cookies | remove; the cookies are small |
| a second Ingress for \`/oauth2\` | remove; \`/oauth2/\` is the gateway's on the same host |

To keep external authentication for another service, see [forward-auth.md](forward-auth.md): \`/oauth2/auth\` answers as in
oauth2-proxy, but only for the host of the gateway, and it cannot end streams that another proxy carries. To keep oauth2-proxy and
take only the chart, see [production-setup.md](production-setup.md#with-an-existing-oauth2-proxy).

## Steps

1. Import the configuration. Work through the report.
   With the chart, \`publicUrl\` and \`trustedProxies\` are values below \`gateway\`, the provider is below \`oauth2proxy\`, the desktop below
   \`desktop\`, and all other settings are \`gateway.config\` ([chart/README.md](../chart/README.md)).
2. Make a new session secret (\`openssl rand -base64 32\`), and put the client secret into the file that the settings name.
3. Complete \`desktop\`: the address and the user of KasmVNC.
4. Check: \`npm start -- --check-config --config gateway.yaml\`.
5. At the provider, add the addresses of the gateway to the client: the redirect address (\`/oauth2/callback\`, as before if the host
   stays), the post-logout redirect address, and the back-channel logout address ([providers](providers/README.md#the-client)).
6. Start the gateway beside oauth2-proxy, as below, and try it: somebody who may control, somebody who may not.
7. Move the host to the gateway. Everybody signs in once.
8. Close the direct way to the desktop: only the gateway may reach it ([security-hardening.md](security-hardening.md)).
9. Remove oauth2-proxy, its secret and its keys in Redis.

## Side by side

The two share nothing: the cookies have other names, and keys in Redis have other prefixes. They can use the same client at the
provider and the same desktop at the same time.

* Give the gateway a host of its own, such as \`desk-new.example.com\`, as \`publicUrl\`, and register its redirect address too.
* On one host it is not possible: both want \`/oauth2/\`. A \`proxy-prefix\` for oauth2-proxy, such as \`/oauth2-old\`, does not help, because
  only one of them can have the desktop's paths.
* To go back, point the ingress at oauth2-proxy again. Its cookies are still valid as long as its secret is unchanged.
`

const LEGEND = `## Options

Every option of oauth2-proxy 7, as flag and as key of the configuration file. In the environment the key is in capitals, after
\`OAUTH2_PROXY_\`. The second column is the setting that takes its place: "always" is what the gateway does without a setting, and
"none" has no counterpart. **(2)** marks options that lead to exit code 2 if they are given and not carried over.
`

/** The whole page. */
export function migrationDoc(): string {
  const tables = Object.entries(OPTION_GROUPS).map(([title, options]) => table(title, options))
  return [GUIDE, LEGEND, ...tables].join('\n')
}

function table(title: string, options: readonly Option[]): string {
  const head = ['oauth2-proxy', 'Ghostwire Gateway', 'remark']
  const lines = [head, head.map(() => '---'), ...options.map(cells)]
  return `### ${title}\n\n${lines.map((line) => `| ${line.join(' | ')} |`).join('\n')}\n`
}

function cells(option: Option): readonly string[] {
  const { flag, key, remark, restricts } = option
  const names = PLAIN_OPTIONS.includes(option) ? [`--${flag}`, key] : [key]
  const mark = restricts === false ? '' : ' **(2)**'
  return [
    names.map(code).join('<br>'),
    counterpart(option) + mark,
    remark.replaceAll('|', String.raw`\|`),
  ]
}

function counterpart({ settings, builtIn }: Option): string {
  if (settings.length > 0) return settings.map(code).join(', ')
  const [value, ...others] = builtIn.filter((one) => one !== '')
  const isOneValue = value !== undefined && value !== '*' && others.length === 0
  return isOneValue ? `always ${code(value)}` : 'none'
}

function code(text: string): string {
  return `\`${text}\``
}

if (import.meta.main) writeFileSync(MIGRATION_DOC, migrationDoc())
