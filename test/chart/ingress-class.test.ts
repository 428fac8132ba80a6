// Which IngressClass an ingress gets, and for which controller it is written. This needs a cluster, which `helm template`
// does not have.

import type { IIngress } from 'kubernetes-models/networking.k8s.io/v1/Ingress'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { startApiServer, type ApiServer } from './support/api-server/server.ts'
import { findHelm } from './support/find-helm.ts'
import { CHART, helm, MINIMAL, type Outcome } from './support/helm.ts'

const TRAEFIK = 'traefik.io/ingress-controller'
const HAPROXY = 'haproxy.org/ingress-controller/haproxy'

let api: ApiServer
let program: string
let folder: string

beforeAll(async () => {
  program = await findHelm([4, 0])
  folder = mkdtempSync(join(tmpdir(), 'ghostwire-ingress-class-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
beforeEach(async () => {
  api = await startApiServer()
})
afterEach(() => api.close())

function ingressClass(name: string, controller: string, isDefault = false): void {
  const annotations = { 'ingressclass.kubernetes.io/is-default-class': String(isDefault) }
  const metadata = { name, annotations }
  const spec = { controller }
  api.store.put({ apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata, spec })
}

async function install(ingress: object = {}): Promise<Outcome> {
  const values = join(folder, 'values.json')
  const all = { ingress: { enabled: true, tlsElsewhere: true, ...ingress } }
  writeFileSync(values, JSON.stringify(all))
  const files = ['--values', MINIMAL, '--values', values]
  return helm(['install', 'desk', CHART, ...files], { kubeconfig: api.kubeconfig, program })
}

async function installed(ingress?: object): Promise<IIngress> {
  const { code, stderr } = await install(ingress)
  expect(code, stderr).toBe(0)
  const [made] = api.store.ofKind('Ingress')
  return made as unknown as IIngress
}

function annotationsOf({ metadata }: IIngress): string[] {
  const names = Object.keys(metadata?.annotations ?? {})
  return names.filter((name) => !name.startsWith('meta.helm.sh/'))
}

it('sets no class for a cluster without ingress classes', async () => {
  const ingress = await installed()
  expect(ingress.spec).not.toHaveProperty('ingressClassName')
  expect(annotationsOf(ingress)).toEqual([])
})

it('uses the only class there is, with the annotations for its controller', async () => {
  ingressClass('front', TRAEFIK)
  const ingress = await installed()
  expect(ingress.spec?.ingressClassName).toBe('front')
  expect(annotationsOf(ingress)).toContain('traefik.ingress.kubernetes.io/router.entrypoints')
})

it('uses the default of several classes', async () => {
  ingressClass('front', TRAEFIK)
  ingressClass('other', HAPROXY, true)
  const ingress = await installed()
  expect(ingress.spec?.ingressClassName).toBe('other')
  expect(annotationsOf(ingress)).toContain('haproxy.org/timeout-tunnel')
})

it('asks for a class if none of several is the default', async () => {
  ingressClass('front', TRAEFIK)
  ingressClass('other', HAPROXY)
  const { code, stderr } = await install()
  expect(code).toBe(1)
  expect(stderr).toContain('ingress.className: must be one of front, other')
  expect(api.store.ofKind('Ingress')).toEqual([])
})

it('uses the class that the values name, without guessing its controller', async () => {
  ingressClass('front', TRAEFIK, true)
  const ingress = await installed({ className: 'mine' })
  expect(ingress.spec?.ingressClassName).toBe('mine')
  expect(annotationsOf(ingress)).toEqual([])
})
