// @ts-check
// What `npm test` needs besides npm packages. This list is the only one: `npm run verify` installs from it, `npm test`
// checks it before the first test, and a test compares the docs with it. Plain JavaScript for Node 20, so that it can
// also say that Node is too old.

import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * @typedef {object} DebianPackage
 * @property {string} name of the package
 * @property {readonly string[]} programs that the tests call; `a or b`: either will do
 * @property {string} use what the tests do with it
 * @property {string} [service] that the package starts, and that no test needs
 */

/**
 * @typedef {object} Missing
 * @property {string} name a Debian package, or something that apt-get cannot install
 * @property {string} why
 * @property {boolean} isPackage
 */

const MIN_NODE = { major: 24, minor: 9 }

/** @type {readonly DebianPackage[]} */
export const DEBIAN_PACKAGES = [
  { name: 'chromium', programs: ['chromium'], use: 'the browser of test/e2e' },
  { name: 'tigervnc-standalone-server', programs: ['Xtigervnc or Xvnc'], use: 'a real X desktop' },
  { name: 'openbox', programs: ['openbox'], use: 'the window manager of that desktop' },
  { name: 'xterm', programs: ['xterm'], use: 'the terminal on that desktop' },
  { name: 'x11-utils', programs: ['xev', 'xprop', 'xwininfo'], use: 'look at that desktop' },
  { name: 'x11-xserver-utils', programs: ['xsetroot'], use: 'paint that desktop' },
  { name: 'curl', programs: ['curl'], use: 'run the lines of docs/http-api.md' },
  {
    name: 'redis-server',
    programs: ['redis-server'],
    use: 'the session store of several replicas',
  },
  { name: 'restic', programs: ['restic'], use: "run the chart's backup on real files" },
  { name: 'shellcheck', programs: ['shellcheck'], use: 'check the shell scripts' },
  {
    name: 'prometheus',
    programs: ['prometheus', 'promtool'],
    use: 'evaluate the dashboard and the alerts',
    service: 'prometheus',
  },
]

/**
 * Everything that is missing, in one answer.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} nodeVersion such as `24.9.0`
 * @returns {Missing[]}
 */
export function findMissing(env = process.env, nodeVersion = process.versions.node) {
  return [...findMissingTools(nodeVersion), ...findMissingPackages(env)]
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Missing[]}
 */
export function findMissingPackages(env = process.env) {
  return DEBIAN_PACKAGES.flatMap(({ name, programs, use }) => {
    const absent = programs.filter((program) => !isThere(program, env))
    if (absent.length === 0) return []
    return [{ name, why: `brings ${absent.join(', ')}: ${use}`, isPackage: true }]
  })
}

/**
 * @param {string} nodeVersion
 * @returns {Missing[]}
 */
function findMissingTools(nodeVersion) {
  const missing = []
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number)
  if (major < MIN_NODE.major || (major === MIN_NODE.major && minor < MIN_NODE.minor)) {
    const why = `this is Node ${nodeVersion}; \`npm ci\` brings Node 24 on Linux (x64, arm64)`
    missing.push({
      name: `Node ${MIN_NODE.major}.${MIN_NODE.minor} or newer`,
      why,
      isPackage: false,
    })
  }
  if (!existsSync(fileURLToPath(new URL('../node_modules/vitest', import.meta.url)))) {
    missing.push({ name: "npm's packages", why: 'run `npm ci`', isPackage: false })
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    const why = 'the chart tests take them from npm, which has them for x64 Linux only'
    missing.push({ name: 'helm 3.18, helm 4 and kubectl', why, isPackage: false })
  }
  return missing
}

/**
 * @param {readonly Missing[]} missing
 * @returns {string} a list for people, and the command that installs the packages in it
 */
export function describeMissing(missing) {
  const lines = missing.map(({ name, why }) => `  ${name}  (${why})`)
  const packages = missing.filter(({ isPackage }) => isPackage).map(({ name }) => name)
  if (packages.length > 0) {
    lines.push('On Debian, as root:', `  ${installCommand(packages)}`)
    lines.push(
      'On other systems, put the programs on the PATH; CHROMIUM can name a Chromium or Chrome.',
    )
  }
  return ['The tests need what this machine does not have:', ...lines].join('\n')
}

/** @param {readonly string[]} packages */
export function installCommand(packages) {
  return `apt-get install --no-install-recommends ${packages.join(' ')}`
}

/**
 * @param {string} program
 * @param {NodeJS.ProcessEnv} env
 */
export function isOnPath(program, env = process.env) {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .some((folder) => folder !== '' && isExecutable(join(folder, program)))
}

/**
 * @param {string} program
 * @param {NodeJS.ProcessEnv} env
 */
function isThere(program, env) {
  // As test/support/browser.ts finds it.
  if (program === 'chromium') return existsSync(env['CHROMIUM'] ?? '/usr/bin/chromium')
  return program.split(' or ').some((name) => isOnPath(name, env))
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
