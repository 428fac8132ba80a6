// @ts-check
// `npm run verify`: on a fresh machine, installs the Debian packages that the tests need, then runs every check and
// every test. Where it cannot install, it lists everything that is missing and exits 1. Plain JavaScript for Node 20.

import { spawnSync } from 'node:child_process'
import {
  DEBIAN_PACKAGES,
  describeMissing,
  findMissing,
  findMissingPackages,
  isOnPath,
} from './test-requirements.js'

const missing = findMissing()
if (missing.length > 0) {
  if (canInstall() && missing.every(({ isPackage }) => isPackage)) {
    install(missing.map(({ name }) => name))
  } else {
    fail(describeMissing(missing))
  }
}
run('npm', ['run', '--silent', 'check'])
run('npm', ['test', '--silent'])

function canInstall() {
  return process.getuid?.() === 0 && isOnPath('apt-get')
}

/** @param {readonly string[]} packages */
function install(packages) {
  console.log(`Installing Debian packages that the tests need: ${packages.join(', ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  run('apt-get', ['update', '-qq'], env)
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], env)
  const stillMissing = findMissingPackages()
  if (stillMissing.length > 0) fail(describeMissing(stillMissing))
  const services = DEBIAN_PACKAGES.filter(({ name }) => packages.includes(name))
    .flatMap(({ service }) => service ?? [])
    .filter(() => isOnPath('systemctl'))
  // The tests start programs of their own. Where systemd is installed but not running, nothing was started.
  for (const service of services) spawnSync('systemctl', ['disable', '--now', service])
}

/**
 * Ends this process with the command's exit code unless that is 0.
 * @param {string} command
 * @param {readonly string[]} words
 * @param {NodeJS.ProcessEnv} env
 */
function run(command, words, env = process.env) {
  const { status, signal, error } = spawnSync(command, words, { env, stdio: 'inherit' })
  if (error !== undefined) fail(`${command} did not start: ${error.message}`)
  if (status === 0) return
  fail(`\`${command} ${words.join(' ')}\` ended with ${signal ?? `exit code ${status}`}`, status)
}

/**
 * @param {string} message
 * @param {number | null} code
 * @returns {never}
 */
function fail(message, code = 1) {
  console.error(message)
  process.exit(code ?? 1)
}
