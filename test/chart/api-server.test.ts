// The tests' own API server: what it refuses, with the messages of a real one. Tested with helm and a chart of four
// objects; life-cycle.test.ts uses it for the product's chart.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { startApiServer, type ApiServer } from './support/api-server/server.ts'
import { findHelm } from './support/find-helm.ts'
import { helm, type Outcome } from './support/helm.ts'

let api: ApiServer
let chart: string
let helm4: string

beforeAll(async () => {
  helm4 = await findHelm([4, 0])
  chart = mkdtempSync(join(tmpdir(), 'ghostwire-small-chart-'))
  mkdirSync(join(chart, 'templates'))
  writeFileSync(join(chart, 'Chart.yaml'), 'apiVersion: v2\nname: small\nversion: 1.0.0\n')
  writeFileSync(
    join(chart, 'values.yaml'),
    'service: web\nextraPodFields: { restartPolicy: Always }\nenv: []\nsecret: web\n',
  )
  writeFileSync(join(chart, 'templates/all.yaml'), TEMPLATE)
})
afterAll(() => rmSync(chart, { recursive: true, force: true }))

beforeEach(async () => {
  api = await startApiServer()
})
afterEach(() => api.close())

const TEMPLATE = `
{{- if .Values.secret }}
apiVersion: v1
kind: Secret
metadata: { name: {{ .Values.secret }} }
stringData: { key: value }
---
{{- end }}
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: web }
spec:
  serviceName: {{ .Values.service }}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      {{- toYaml .Values.extraPodFields | nindent 6 }}
      containers:
        - name: web
          image: example.com/web:1
          env: {{ toJson .Values.env }}
          envFrom: [{ secretRef: { name: web } }]
`

function run(verb: string, ...words: string[]): Promise<Outcome> {
  const target = verb === 'uninstall' ? ['web'] : ['web', chart]
  const all = [verb, ...target, '--namespace', 'default', '--timeout', '3s', ...words]
  return helm(all, { kubeconfig: api.kubeconfig, program: helm4 })
}

it('accepts a release, makes it ready and returns it', async () => {
  expect(await run('install', '--wait')).toMatchObject({ code: 0 })
  expect(api.get('Pod', 'default', 'web-0')).toMatchObject({ status: { phase: 'Running' } })
  expect(await run('uninstall', '--wait')).toMatchObject({ code: 0 })
  for (const kind of ['Pod', 'Secret', 'StatefulSet']) expect(api.store.ofKind(kind)).toEqual([])
})

it('refuses an unknown field', async () => {
  const { code, stderr } = await run('install', '--set', 'extraPodFields.hostNetwrk=true')
  expect(code).toBe(1)
  expect(stderr).toContain('strict decoding error: StatefulSet/web')
  expect(stderr).toContain('hostNetwrk')
})

it('refuses an environment variable that appears twice', async () => {
  const { stderr } = await run('install', '--set-json', 'env=[{"name":"A"},{"name":"A"}]')
  expect(stderr).toContain('duplicate entries for key [name="A"]')
})

it('refuses to change an immutable field', async () => {
  expect(await run('install')).toMatchObject({ code: 0 })
  const { stderr } = await run('upgrade', '--set', 'service=other')
  expect(stderr).toContain("updates to statefulset spec for fields other than 'replicas'")
})

it('refuses to overwrite a field of another manager, unless forced', async () => {
  expect(await run('install', '--set', 'extraPodFields.priority=1')).toMatchObject({ code: 0 })
  const object = { kind: 'StatefulSet', namespace: 'default', name: 'web' }
  const theirs = { spec: { template: { spec: { priority: 2 } } } }
  await api.patch(object, theirs, 'kubectl-patch')
  const { stderr } = await run('upgrade', '--set', 'extraPodFields.priority=3')
  expect(stderr).toContain(
    'Apply failed with 1 conflict: conflict with "kubectl-patch": .spec.template.spec.priority',
  )
  const forced = await run('upgrade', '--set', 'extraPodFields.priority=3', '--force-conflicts')
  expect(forced).toMatchObject({ code: 0 })
})

it('does not start a pod whose secret is missing', async () => {
  const { code } = await run('install', '--wait', '--set', 'secret=')
  expect(code).toBe(1)
  expect(api.get('Pod', 'default', 'web-0')).toMatchObject({
    status: { phase: 'Pending', conditions: [{ message: 'secret "web" not found' }] },
  })
})

it('creates no pod that Pod Security refuses', async () => {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }
  api.store.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default', labels } })
  const { code } = await run('install', '--wait')
  expect(code).toBe(1)
  expect(api.store.ofKind('Pod')).toEqual([])
})
