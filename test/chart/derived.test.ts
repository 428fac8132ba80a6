// Parts of one object that follow from a value for another one.

import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { describe, expect, it } from 'vitest'
import { MINIMAL, template } from './support/helm.ts'
import { ofKind, parseObjects, type KubernetesObject } from './support/objects.ts'

async function withValues(set: object): Promise<KubernetesObject[]> {
  const { code, stdout, stderr } = await template({ values: [MINIMAL], set })
  expect(code, stderr).toBe(0)
  return parseObjects(stdout)
}

type Spec = NonNullable<INetworkPolicy['spec']>

async function policyOf(component: string, set: object): Promise<Spec> {
  const policies = ofKind<INetworkPolicy>(await withValues(set), 'NetworkPolicy')
  const found = policies.find(({ metadata }) => metadata?.name === `desk-ghostwire-${component}`)
  if (found?.spec === undefined) throw new Error(`no policy for the ${component}`)
  return found.spec
}

const portsOf = (rules: Spec['egress'] | Spec['ingress']): readonly (readonly unknown[])[] =>
  (rules ?? []).map(({ ports = [] }) => ports.map(({ port }) => port))

describe('the gateway', () => {
  it('can reach a provider at a non-standard port', async () => {
    const issuer = 'https://keycloak.sso.svc:8443/realms/staff'
    const { egress } = await policyOf('gateway', { oauth2proxy: { issuer } })
    expect(portsOf(egress)).toContainEqual([443, 8443])
  })

  it('can reach a provider with the usual port at no other port', async () => {
    const { egress } = await policyOf('gateway', {})
    expect(portsOf(egress)).toContainEqual([443])
  })

  it('reaches a Redis behind a mesh by the mesh’s port, and no Redis that is not configured', async () => {
    const redis = { url: 'redis://:password@redis:6379' }
    const peers = [{ podSelector: { matchLabels: { app: 'redis' } } }]
    const serviceMesh = { enabled: true, name: 'istio', mode: 'ambient' }
    const networkPolicy = { ingress: [{ from: peers }] }
    const values = (more: object): object => ({
      serviceMesh,
      networkPolicy,
      sessionStore: { type: 'redis', redis: { ...redis, ...more } },
    })
    expect(portsOf((await policyOf('gateway', values({ peers }))).egress)).toContainEqual([
      6379, 15008,
    ])
    expect(portsOf((await policyOf('gateway', values({}))).egress)).toContainEqual([6379])
  })
})

// https://istio.io/latest/docs/ambient/usage/networkpolicy/
it.each([
  ['desktop', 6901],
  ['gateway', 9090],
])(
  'in ambient mode the node may send health probes to the %s, and nothing else',
  async (component, port) => {
    const from = [{ podSelector: { matchLabels: { app: 'front' } } }]
    const { ingress } = await policyOf(component, {
      serviceMesh: { enabled: true, name: 'istio', mode: 'ambient' },
      networkPolicy: { ingress: [{ from }] },
    })
    const asked = ingress?.find(({ from }) => from?.some(({ ipBlock }) => ipBlock !== undefined))
    expect(asked).toEqual({
      from: [
        { ipBlock: { cidr: '169.254.7.127/32' } },
        { ipBlock: { cidr: 'fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128' } },
      ],
      ports: [{ port, protocol: 'TCP' }],
    })
  },
)

it('a route contains the defaults that the API server would add, and keeps values that were set', async () => {
  const parentRefs = [{ name: 'web' }, { name: 'mine', kind: 'ListenerSet', group: '' }]
  const [route] = ofKind<KubernetesObject>(
    await withValues({ httpRoute: { enabled: true, parentRefs } }),
    'HTTPRoute',
  )
  expect(route?.['spec']).toMatchObject({
    parentRefs: [
      { name: 'web', kind: 'Gateway', group: 'gateway.networking.k8s.io' },
      { name: 'mine', kind: 'ListenerSet', group: '' },
    ],
    rules: [{ backendRefs: [{ group: '', kind: 'Service', weight: 1 }] }],
  })
})

it('an oauth2-proxy at Traefik uses TLS to a desktop with TLS', async () => {
  const transport = {
    'traefik.ingress.kubernetes.io/service.serverstransport': 'home-mine@kubernetescrd',
  }
  const objects = await withValues({
    oauth2proxy: {
      enabled: false,
      external: { enabled: true, middleware: 'home-mine@kubernetescrd' },
    },
    desktop: { tls: { mode: 'image' }, service: { annotations: transport } },
    ingress: { enabled: true, controller: 'traefik', tlsElsewhere: true },
    networkPolicy: { ingress: [{ from: [{ podSelector: { matchLabels: { app: 'front' } } }] }] },
  })
  const [service] = ofKind<KubernetesObject>(objects, 'Service')
  expect(service?.metadata.annotations).toEqual({
    'traefik.ingress.kubernetes.io/service.serversscheme': 'https',
    ...transport,
  })
})

it('a registry may end with a slash', async () => {
  const objects = JSON.stringify(await withValues({ global: { imageRegistry: 'r.example.com/' } }))
  expect(objects).toContain('"r.example.com/kasmweb/signal:')
})
