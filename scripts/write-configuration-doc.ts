// Writes docs/configuration.md from the schema of the settings: `npm run docs`. A unit test fails when the file is out of
// date.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { SETTINGS } from '../src/config/schema/schema.ts'
import type { Setting } from '../src/config/schema/setting.ts'

export const CONFIGURATION_DOC: string = join(import.meta.dirname, '../docs/configuration.md')

/** Heading → first key of the YAML paths in its table. */
const SECTIONS: Readonly<Record<string, readonly string[]>> = {
  'Public side': ['publicUrl', 'listen', 'trustedProxies', 'loginLimit', 'limits', 'tls'],
  'Administration and operation': [
    'adminListen',
    'adminHosts',
    'adminToken',
    'drain',
    'audit',
    'logLevel',
  ],
  'Sign-in': ['oidc'],
  Sessions: ['session'],
  Limits: ['limits'],
  Access: [
    'allowGroups',
    'allowEmails',
    'allowEmailDomains',
    'allowAnyone',
    'viewGroups',
    'viewEmails',
    'access',
    'clipboardIn',
    'downloads',
  ],
  Desktop: ['desktop', 'ui'],
}

const INTRO = `# Configuration

<!-- Written by \`npm run docs\` from src/config. Change the schema there, not this file. -->

All settings can be given in one YAML file, in the environment, or in both.

\`\`\`yaml
publicUrl: https://desk.example.com
trustedProxies: [10.0.0.0/8]
oidc:
  issuer: https://login.example.com/realms/staff
  clientId: ghostwire
  clientSecretFile: /run/secrets/client-secret
session:
  secretFile: /run/secrets/session-secret
  maxLifetime: 10h
allowGroups: [ops, support]
desktop:
  url: http://desktop:6901
  username: kasm_user
  passwordFile: /run/secrets/desktop-password
\`\`\`

**The YAML file** is the one given with \`--config FILE\`, or else the one in \`GATEWAY_CONFIG\`. The file is optional: required
settings can also come from the environment.

**The environment overrides** the file, setting by setting. A variable with an empty value counts as not set. So does a YAML key
with nothing after the colon.

**Nothing is ignored.** An unknown YAML key, an unknown \`GATEWAY_…\` variable and a duplicate key are errors; the message suggests
a correction. The one exception: the gateway ignores the variables that Kubernetes sets for a Service named \`gateway…\`, such as
\`GATEWAY_PORT_8080_TCP\`.

**All problems at once.** If any setting is wrong, the gateway does not start and lists all problems. It also checks the files
that settings name: whether it can read the certificates, whether the key belongs to the certificate, whether it can write to the
folder. \`npm start -- --check-config\` makes the same checks without starting the gateway. It prints the effective settings and
hides the secrets.

**Durations** are a whole number and a unit: \`500ms\`, \`90s\`, \`30m\`, \`12h\`, \`7d\`. \`0\` needs no unit.

**Lists** are separated by commas in the environment (\`ops,support\`). In YAML, write a list or the same text with commas. An entry
that contains a comma needs a YAML list.

**Text in YAML** that looks like another type needs quotes: \`clientId: "1234"\`, \`listen: "[::1]:8080"\`.

**Secrets** can come from files: set \`GATEWAY_SESSION_SECRET_FILE\` in the environment or \`session.secretFile\` in YAML to the path
of the file; other secrets work in the same way. One newline at the end of the file is removed. Do not give a secret both directly
and as a file in the same place. The tables mark secrets with (secret).
`

const RULES = `## Rules

Rules can do more than the lists: they combine conditions, test other claims and assign any role. They exist only in YAML, and
they replace the lists.

\`\`\`yaml
access:
  - match:
      groups: [ops]
      claims: { acr: [phishing-resistant] }
    role: control
  - match: { emails: [anna@example.com, ben@example.com] }
    role: control
  - match: { emailDomains: [example.com] }
    role: view
desktop:
  viewer:
    username: kasm_viewer
    passwordFile: /run/secrets/viewer-password
\`\`\`

The first rule that matches decides. If no rule matches, the person is refused. A rule matches when all parts of its \`match\`
match; a part matches when one of its entries does.

| key | meaning |
|---|---|
| \`match.provider\` | names of providers, if there are several (\`oidc.name\`) |
| \`match.groups\` | groups of the person, as in the groups claim (\`oidc.groupsClaim\`) |
| \`match.emails\` | whole addresses; case does not count |
| \`match.emailDomains\` | what follows the \`@\`, whole; case does not count |
| \`match.claims\` | claim → values, of which the person must have one |
| \`role\` | \`control\`, \`view\` or \`owner\`; required |
| \`require.acr\` | the sign-in must have one of these authentication contexts (claim \`acr\`) |
| \`require.maxAge\` | the person must have authenticated at most this long ago (claim \`auth_time\`) when a page or a stream is opened |
| \`clipboardIn\` | \`allow\` or \`deny\`: whether what the person pastes reaches the desktop; default: \`GATEWAY_CLIPBOARD_IN\` |
| \`downloads\` | \`allow\` or \`deny\`: whether the person can open KasmVNC's \`Downloads/\` and its folder listings; default: \`GATEWAY_DOWNLOADS\` |

An e-mail address, here and in what the provider says, has exactly one \`@\`, a local part of letters, digits, dots and
\`!#$%&'*+/=?^_|~-\` or a backtick, and a domain of letters, digits, hyphens and dots. Everything else, such as
\`a@evil.example@corp.example\` or \`Anna <anna@example.com>\`, is refused in the settings and matches no rule at a sign-in; the log
then says so. Domains in other scripts may be written either way (\`bücher.example\`, \`xn--bcher-kva.example\`).

An empty \`match\` matches nobody and is refused; \`allowAnyone: true\` lets every signed-in person control the desktop. Role \`view\`
needs \`desktop.viewer\` credentials on KasmVNC, because KasmVNC decides by the user who may write.

Role \`owner\` controls the desktop and may also use KasmVNC's API (each path that contains \`/api/\`). The gateway sends the
\`desktop.owner\` credentials. API requests of other people never reach the desktop. Requests that change something must come from a
page of this origin: a program must send \`Origin\` with its cookie. A request body may have at most 12 KiB.

**Step-up.** A rule with \`require\` counts only for a sign-in that meets it. The gateway sends a person whose sign-in does not to the
provider again, with \`acr_values\` and \`max_age\`, and back to the page where they were. If a later rule matches meanwhile, it counts:
below, everybody in \`ops\` may watch, and controls after a sign-in with a security key of the last hour. The panel then has the button
"Sign in to control it". A provider that confirms less leads to a page that says so. The age counts when something is opened: a stream
that is open stays open.

\`\`\`yaml
access:
  - match: { groups: [ops] }
    role: control
    require: { acr: [phr, phrh], maxAge: 1h }
  - match: { groups: [ops] }
    role: view
desktop:
  viewer:
    username: kasm_viewer
    passwordFile: /run/secrets/viewer-password
\`\`\`

The lists work as rules too, in this order: \`allowGroups\`, \`allowEmails\`, \`allowEmailDomains\`, \`allowAnyone\`, \`viewGroups\`,
\`viewEmails\`. The audit names the rule that let a person in: one of these names, or \`access[0]\`, \`access[1]\`, ….
`

const ROUTES = `## Routes

\`desktop.routes\` adds further servers under paths of the same origin. The same gate protects them. A request or a WebSocket whose
path begins with the path of a route goes to the server of that route; all others go to the desktop. Kasm's images run such servers
beside KasmVNC: sound (4901), uploads (4902), microphone (4903) and gamepads (4904).

**The open-source KasmVNC client uses none of them.** It has no code for sound, uploads, microphone or gamepads. A route alone
therefore adds no sound: you need your own page or program that talks to the server. Kasm has published neither the paths nor the
formats.

\`\`\`yaml
desktop:
  routes:
    - path: /audio
      url: https://desktop:4901
      role: view
      tls: { insecure: true }
    - path: /upload
      url: https://desktop:4902
      username: kasm_user
      passwordFile: /run/secrets/desktop-password
      tls: { fingerprint: 4b227777d4dd1fc61c6f884f48641d02b4d121d3fd328cb08b5531fcacdabf8a }
\`\`\`

| key | meaning |
|---|---|
| \`path\` | \`/audio\` covers itself and all paths below it; the longest matching path decides; required |
| \`url\` | \`http://host:port\` or \`https://host:port\`, for WebSockets too; required |
| \`role\` | the lowest role that may use the route: \`view\`, \`control\` (the default) or \`owner\` |
| \`stripPrefix\` | \`true\` (the default) removes \`path\` from a request before it goes to the server |
| \`username\`, \`password\` | Basic credentials that are sent for every person; \`passwordFile\` names a file instead |
| \`tls\` | \`caFile\`, \`fingerprint\`, \`insecure\`, as for the desktop; the values of the desktop do not apply |

The gateway cleans headers as it does for the desktop. Besides GET and HEAD, a route accepts POST, PUT, PATCH and DELETE from pages
of this origin, with bodies of any size. A WebSocket on a route carries any message and ends with the session. Its messages do not
count as human input: a person who only speaks or plays through a route becomes idle. \`downloads\` and \`clipboardIn\` do not apply
to routes.
`

/** The whole page. */
export function configurationDoc(): string {
  const rows = SETTINGS
  const tables = Object.entries(SECTIONS).map(([title, keys]) => table(title, keys, rows))
  const known = Object.values(SECTIONS).flat()
  const missing = rows.filter(({ path }) => !known.includes(rootOf(path)))
  if (missing.length > 0)
    throw new Error(`no section for ${missing.map(({ path }) => path).join(', ')}`)
  return [INTRO, ...tables, RULES, ROUTES].join('\n')
}

function table(title: string, keys: readonly string[], rows: readonly Setting[]): string {
  const own = keys.flatMap((key) => rows.filter(({ path }) => rootOf(path) === key))
  const head = ['environment', 'YAML', 'default', 'meaning']
  const lines = [head, head.map(() => '---'), ...own.map(cells)]
  return `## ${title}\n\n${lines.map((line) => `| ${line.join(' | ')} |`).join('\n')}\n`
}

function cells({ env, path, whenUnset, meaning, secret }: Setting): readonly string[] {
  const marks = secret ? ['(secret)'] : []
  return [
    env === undefined ? '–' : `\`${env}\``,
    `\`${path}\``,
    whenUnset,
    [meaning, ...marks].join(' ').replaceAll('|', '\\|'),
  ]
}

function rootOf(path: string): string {
  return path.split('.')[0] ?? path
}

if (import.meta.main) writeFileSync(CONFIGURATION_DOC, configurationDoc())
