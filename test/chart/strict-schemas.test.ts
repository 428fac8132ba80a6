// The validator itself. objects.test.ts applies it to the chart's objects.

import { expect, it } from 'vitest'
import type { KubernetesObject } from './support/objects.ts'
import { schemaFaults, unservedKinds } from './support/strict-schemas.ts'

function object(apiVersion: string, kind: string, rest: object = {}): KubernetesObject {
  return { apiVersion, kind, metadata: { name: 'x' }, ...rest }
}

it.each<[KubernetesObject, string]>([
  [
    object('v1', 'ConfigMap', { metadata: { name: 'x', lables: {} } }),
    `'"lables"' does not exist in type 'IObjectMeta'`,
  ],
  [
    object('v1', 'Pod', {
      spec: { containers: [{ name: 'x', securityContext: { runAsUsr: 1 } }] },
    }),
    `'"runAsUsr"' does not exist in type 'ISecurityContext'`,
  ],
  [
    object('networking.k8s.io/v1', 'NetworkPolicy', {
      spec: { podSelector: {}, ingress: [{ from: [{ podselector: {} }] }] },
    }),
    `'"podselector"'`,
  ],
  [
    object('cert-manager.io/v1', 'Certificate', {
      spec: { secretname: 'x', issuerRef: { name: 'x' } },
    }),
    `"secretname"`,
  ],
  [
    object('monitoring.coreos.com/v1', 'ServiceMonitor', {
      spec: { selector: {}, endpoints: [{ intervall: '30s' }] },
    }),
    `'"intervall"' does not exist in type 'IEndpoint'`,
  ],
  [
    object('monitoring.coreos.com/v1', 'ServiceMonitor', {
      spec: { selector: {}, endpoints: [{ interval: 'half a minute' }] },
    }),
    '/spec/endpoints/0/interval must match pattern',
  ],
  [
    object('gateway.networking.k8s.io/v1', 'HTTPRoute', {
      spec: { rules: [{ timeouts: { request: 'never' } }] },
    }),
    '/spec/rules/0/timeouts/request must match pattern',
  ],
  [
    object('gateway.networking.k8s.io/v1', 'HTTPRoute', {
      spec: { rules: [{ backendRefs: [{ name: 'x', port: 65536 }] }] },
    }),
    'must be <= 65535',
  ],
  [
    object('gateway.networking.k8s.io/v1', 'BackendTLSPolicy', {
      spec: { targetRefs: [{ group: '', kind: 'Service', name: 'x' }] },
    }),
    'must have required property validation',
  ],
  [
    object('v1', 'Service', { spec: { ports: [{ port: '80' }] } }),
    '/spec/ports/0/port must be integer',
  ],
  [
    object('v1', 'ConfigMap', { metadata: { name: 'x', annotations: null } }),
    `'null' is not assignable`,
  ],
  [object('v1', 'ConfigMap', { data: { on: true } }), '/data/on must be string'],
])('reports %j', async (faulty, message) => {
  const faults = await schemaFaults([object('v1', 'Secret'), faulty])
  expect(faults.length).toBeGreaterThan(0)
  expect(faults.join('\n')).toContain(`${faulty.kind}/x: `)
  expect(faults.join('\n')).toContain(message)
})

it('reports nothing for a valid object', async () => {
  const right = [
    object('v1', 'Secret', { data: { a: 'YQ==' }, type: 'Opaque' }),
    object('apps/v1', 'Deployment', {
      spec: { selector: {}, template: { spec: { containers: [{ name: 'x' }] } } },
    }),
  ]
  expect(await schemaFaults(right)).toEqual([])
})

it('reports kinds that current clusters do not serve, or that the chart must not create', () => {
  const objects = [
    object('policy/v1beta1', 'PodDisruptionBudget'),
    object('v1', 'Namespace'),
    object('policy/v1', 'PodDisruptionBudget'),
  ]
  expect(unservedKinds(objects)).toEqual(['policy/v1beta1 PodDisruptionBudget x', 'v1 Namespace x'])
})
