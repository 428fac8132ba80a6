// Writes docs/configuration.md from the schema of the settings: `npm run docs`. A unit test fails while the file on
// disk is another one.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { SETTINGS } from '../src/config/schema/schema.ts'
import type { Setting } from '../src/config/schema/setting.ts'

export const CONFIGURATION_DOC: string = join(import.meta.dirname, '../docs/configuration.md')

/** Heading → first keys of the YAML paths in its table. */
const SECTIONS: Readonly<Record<string, readonly string[]>> = {
  'Public side': ['publicUrl', 'listen', 'trustedProxies', 'loginLimit', 'tls'],
  'Administration and operation': ['adminListen', 'adminToken', 'drain', 'audit', 'logLevel'],
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

Everything is set in one YAML file, in the environment, or in both.

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

**The file** is named by \`--config FILE\` or else by \`GATEWAY_CONFIG\`. No file is fine: what is required then comes from the
environment.

**The environment wins** over the file, setting by setting. A variable that is set but empty counts as unset, and so does a YAML
key with nothing after the colon.

**Nothing is ignored.** An unknown YAML key, an unknown \`GATEWAY_…\` variable, a key given twice: each is an error with a
suggestion. Only the variables that Kubernetes adds for a Service called \`gateway…\` (such as \`GATEWAY_PORT_8080_TCP\`) are left
alone. A setting that restricts somebody and that this version does not enforce yet is refused as well; the tables say *not in
force yet* where that is so. Its default does nothing yet either.

**All problems at once.** The gateway does not start with a mistake in its settings, and lists every one of them. The files that
they name are looked into: certificates that can be read, a key that is the certificate's, a folder that can be written to.
\`npm start -- --check-config\` does the same without starting, and prints the settings in effect with the secrets hidden.

**Durations** are a whole number and a unit: \`500ms\`, \`90s\`, \`30m\`, \`12h\`, \`7d\`. \`0\` needs no unit.

**Lists** are separated by commas in the environment (\`ops,support\`); in YAML they are lists, or one text with commas. An entry
that holds a comma needs a YAML list.

**Text in YAML** that looks like something else needs quotes: \`clientId: "1234"\`, \`listen: "[::1]:8080"\`.

**Secrets** can each stand in a file of their own: \`GATEWAY_SESSION_SECRET_FILE\` in the environment, \`session.secretFile\` in YAML,
and so on. One newline at the end of the file is dropped. In one place a secret is given directly or by file, not both. Rows with
a secret are marked (secret).
`

const RULES = `## Rules

Rules say more than the lists: conditions that must hold together, other claims, another role. They are written in YAML only,
and in place of the lists.

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

The first rule that matches decides; when none does, the person is refused. Every part of \`match\` that has an entry must hold;
within a part, one entry is enough.

| key | meaning |
|---|---|
| \`match.groups\` | groups of the person, as the groups claim has them |
| \`match.emails\` | whole addresses; case does not count |
| \`match.emailDomains\` | what follows the last \`@\`, whole; case does not count |
| \`match.claims\` | claim → values, of which the person must have one |
| \`role\` | \`control\`, \`view\` or \`owner\`; required |
| \`clipboardIn\` | \`allow\` or \`deny\`: whether what the person pastes reaches the desktop; without it \`GATEWAY_CLIPBOARD_IN\` decides |
| \`downloads\` | \`allow\` or \`deny\`: KasmVNC's \`Downloads/\` and its lists of folders; without it \`GATEWAY_DOWNLOADS\` decides |

An empty \`match\` matches nobody and is refused; \`allowAnyone: true\` lets every signed-in person control the desktop. Role \`view\`
needs \`desktop.viewer\` credentials on KasmVNC, where the user behind them is what makes a viewer. Role \`owner\` controls the
desktop and may use KasmVNC's API (every path with \`/api/\` in it), by the \`desktop.owner\` credentials; nobody else's request
for it reaches the desktop. What the API changes is taken from a page of this origin alone: a program sends \`Origin\`
with its cookie, and a body of at most 12 KiB.

The lists are rules too, in this order: \`allowGroups\`, \`allowEmails\`, \`allowEmailDomains\`, \`allowAnyone\`, \`viewGroups\`,
\`viewEmails\`. The audit names the rule that let somebody in by these words, or by \`access[0]\`, \`access[1]\`, ….
`

const ROUTES = `## Routes

\`desktop.routes\` puts further servers under paths of the same origin, behind the same gate: a request or a WebSocket whose path
begins with a route's goes to its server, anything else to the desktop. Kasm's images have such servers beside KasmVNC, for sound
(4901), uploads (4902), microphone (4903) and gamepads (4904).

**The open KasmVNC client uses none of them.** It has no code for sound, uploads, microphone or gamepads, so a route gives nobody
sound by itself; a page or a program of yours has to speak to it. Kasm has published neither paths nor formats.

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
| \`path\` | \`/audio\` stands for itself and all below it; the longest path that fits decides; required |
| \`url\` | \`http://host:port\` or \`https://host:port\`, for WebSockets too; required |
| \`role\` | the least that a person needs: \`view\`, \`control\` (the default) or \`owner\` |
| \`stripPrefix\` | \`true\` (the default) takes \`path\` off before the server is asked |
| \`username\`, \`password\` | its Basic credentials, for everybody; \`passwordFile\` names a file |
| \`tls\` | \`caFile\`, \`fingerprint\`, \`insecure\`, as for the desktop; nothing of the desktop's own is taken over |

Headers are cleaned as on the way to the desktop. Beside GET and HEAD, a route takes POST, PUT, PATCH and DELETE from pages of this
origin, with bodies of any size. Streams carry any WebSocket message and end with the session like the desktop's; what passes
in them counts as nobody's input, so that who only speaks or plays is idle. \`downloads\` and \`clipboardIn\` say nothing about a route.
`

/** The whole page. */
export function configurationDoc(): string {
  const rows = SETTINGS
  const tables = Object.entries(SECTIONS).map(([title, keys]) => table(title, keys, rows))
  const known = Object.values(SECTIONS).flat()
  const lost = rows.filter(({ path }) => !known.includes(rootOf(path)))
  if (lost.length > 0) throw new Error(`no section for ${lost.map(({ path }) => path).join(', ')}`)
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
