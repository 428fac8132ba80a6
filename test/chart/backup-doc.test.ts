// docs/backup-and-restore.md, from top to bottom: each of its commands runs, with the real helm, kubectl and restic.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startApiServer, type ApiServer } from './support/api-server/server.ts'
import { findHelm, findKubectl } from './support/find-helm.ts'
import { MINIMAL, ROOT } from './support/helm.ts'

const page = readFileSync(join(ROOT, 'docs/backup-and-restore.md'), 'utf8')
const blocks = [...page.matchAll(/^```(sh|yaml)\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', text = '']) => ({ language, text }),
)
const REPOSITORY = 's3:https://s3.example.com/backups/desk'

let api: ApiServer
let folder: string
let env: Record<string, string | undefined>

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ghostwire-backup-doc-'))
  for (const name of ['chart', 'scripts']) symlinkSync(join(ROOT, name), join(folder, name))
  writeFileSync(join(folder, 'my-values.yaml'), readFileSync(MINIMAL))
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const programs = { helm: await findHelm(), kubectl: await findKubectl() }
  for (const [name, path] of Object.entries(programs))
    if (path.includes('/')) symlinkSync(path, join(bin, name))
  api = await startApiServer()
  env = {
    PATH: `${bin}:${process.env['PATH']}`,
    HOME: folder,
    KUBECONFIG: api.kubeconfig,
    RESTIC_CACHE_DIR: join(folder, 'cache'),
  }
  api.store.put({ apiVersion: '', kind: 'Namespace', metadata: { name: 'desk' } })
  for (const kind of ['StorageClass', 'VolumeSnapshotClass']) {
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' }
    const driver = { provisioner: 'csi.example.com', driver: 'csi.example.com' }
    api.store.put({ apiVersion: '', kind, metadata: { name: 'fast', annotations }, ...driver })
  }
  await succeed('helm install desk ./chart --namespace desk --values my-values.yaml')
})
afterAll(async () => {
  await api.close()
  rmSync(folder, { recursive: true })
})

async function succeed(text: string): Promise<string> {
  const child = spawn('sh', ['-eu', '-c', text], { cwd: folder, env })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (piece: string) => (said += piece))
  child.stdin.end()
  const [code] = (await once(child, 'close')) as [number | null]
  expect(code, `${text}\n${said}`).toBe(0)
  return said
}

/** What a job of the cluster would have stored: there is no bucket here. */
function fillRepository(): void {
  mkdirSync(join(folder, 'data/Documents'), { recursive: true })
  writeFileSync(join(folder, 'data/Documents/letter.txt'), 'Dear Sir or Madam')
  const own = {
    ...env,
    RESTIC_REPOSITORY: join(folder, 'repository'),
    RESTIC_PASSWORD_FILE: join(folder, 'backup-password.txt'),
  }
  const backup = ['backup', '--host', 'desk-ghostwire.desk', '--tag', 'home', join(folder, 'data')]
  for (const words of [['init'], backup]) execFileSync('restic', words, { env: own })
}

/** The same command, as far as this machine is no pod and the cluster of the tests is not a real one. */
function here(text: string): string {
  return (
    text
      .replaceAll(REPOSITORY, join(folder, 'repository'))
      .replaceAll('/data/', `${folder}/data/`)
      // It reads no protobuf of a job, which kubectl sends here.
      .replaceAll(
        /(kubectl create job .*)/g,
        '$1 --dry-run=client --output=json | kubectl create --filename=-',
      )
  )
}

it('has commands and values', () => {
  expect(blocks.filter(({ language }) => language === 'sh').length).toBeGreaterThan(10)
})

it.each(
  blocks.map((block, index) => ({ ...block, title: `${index}: ${block.text.split('\n')[0]}` })),
)('$title', async ({ language, text }) => {
  if (language === 'yaml') {
    const [, name = ''] = /^# (\S+-values\.yaml)\n/.exec(text) ?? []
    expect(name).not.toBe('')
    return writeFileSync(join(folder, name), text)
  }
  if (text.includes(REPOSITORY)) fillRepository()
  const said = await succeed(here(text))
  expect(said).not.toMatch(/^error/im)
  if (text.includes('letter.txt')) expect(said).toMatch(/Dear Sir or Madam$/)
})
