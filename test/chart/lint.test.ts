// The lint rules themselves: a correct release, and one fault at a time. objects.test.ts applies them to the chart.

import { expect, it } from 'vitest'
import { lintFaults, RULES } from './support/lint.ts'
import { nameOf, parseObjects, type KubernetesObject } from './support/objects.ts'

const POD = (app: string, extra = ''): string => `
metadata:
  labels: { app: ${app}, app.kubernetes.io/component: ${app} }
spec:
  serviceAccountName: account
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext: { runAsUser: 1000, runAsGroup: 1000 }
  containers:
    - name: main
      image: example.com/image:1.0
      ports: [{ name: http, containerPort: 8080 }]
      env: [{ name: A, value: '1' }]
      securityContext: { readOnlyRootFilesystem: true }
      livenessProbe: { tcpSocket: { port: http } }
      readinessProbe: { tcpSocket: { port: 8080 } }
      resources: { requests: { cpu: 10m, memory: 64Mi }, limits: { memory: 128Mi } }
      volumeMounts: [{ name: scratch, mountPath: /tmp }]
  volumes: [{ name: scratch, emptyDir: {} }]
  ${extra}
`
const indent = (text: string, by: number): string => text.replaceAll('\n', `\n${' '.repeat(by)}`)

const CAREFUL = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  selector: { matchLabels: { app: web } }
  template: ${indent(POD('web'), 4)}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: desktop }
spec:
  serviceName: desktop
  selector: { matchLabels: { app: desktop } }
  template: ${indent(POD('desktop'), 4)}
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly }
spec:
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 100
  jobTemplate:
    spec:
      template: ${indent(POD('nightly'), 8)}
---
apiVersion: batch/v1
kind: Job
metadata: { name: once }
spec:
  activeDeadlineSeconds: 100
  ttlSecondsAfterFinished: 100
  template: ${indent(POD('once'), 4)}
---
{ apiVersion: v1, kind: Service, metadata: { name: web, labels: { app: web } }, spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: http }] } }
---
{ apiVersion: v1, kind: Service, metadata: { name: desktop }, spec: { clusterIP: None, selector: { app: desktop }, ports: [{ port: 8080 }] } }
---
{ apiVersion: v1, kind: ServiceAccount, metadata: { name: account }, automountServiceAccountToken: false }
---
{ apiVersion: v1, kind: Secret, metadata: { name: secret }, stringData: { key: a-very-secret-value } }
---
{ apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: { name: all }, spec: { podSelector: {}, policyTypes: [Ingress, Egress] } }
---
{ apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: { name: web }, spec: { rules: [{ http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { name: http } } } }] } }] } }
---
{ apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: { name: web }, spec: { rules: [{ backendRefs: [{ name: web, port: 80 }] }] } }
---
{ apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: { name: web }, spec: { minAvailable: 1, unhealthyPodEvictionPolicy: AlwaysAllow, selector: { matchLabels: { app: web } } } }
---
{ apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, metadata: { name: web }, spec: { selector: { matchLabels: { app: web } }, endpoints: [{ port: http }] } }
---
{ apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: { name: role }, rules: [{ apiGroups: [''], resources: [pods], verbs: [get] }] }
---
{ apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: { name: role }, roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: role }, subjects: [{ kind: ServiceAccount, name: other }] }
`

const DEPLOYMENT = 'Deployment/web'
const TEMPLATE = 'spec.template'
const CONTAINER = `${TEMPLATE}.spec.containers.0`

/** Sets a value at a path of one object; `undefined` removes it. */
function planted(object: string, path: string, value: unknown): KubernetesObject[] {
  const objects = parseObjects(CAREFUL)
  const found = objects.find((one) => nameOf(one) === object)
  expect(found, object).toBeDefined()
  const steps = path.split('.')
  const last = steps.pop() ?? ''
  let node = found as unknown as Record<string, unknown>
  for (const step of steps) node = node[step] as Record<string, unknown>
  if (value === undefined) delete node[last]
  else node[last] = value
  return objects
}

it('reports nothing for a correct release', () => {
  expect(lintFaults(parseObjects(CAREFUL))).toEqual([])
})

const FAULTS: readonly (readonly [rule: string, object: string, path: string, value: unknown])[] = [
  [
    'every name is one of DNS and leaves room for the suffixes',
    'Role/role',
    'metadata.name',
    'Role',
  ],
  [
    'every name is one of DNS and leaves room for the suffixes',
    'CronJob/nightly',
    'metadata.name',
    'n'.repeat(53),
  ],
  [
    'every name is one of DNS and leaves room for the suffixes',
    'Service/web',
    'metadata.name',
    'web.web',
  ],
  [
    'every name is one of DNS and leaves room for the suffixes',
    'Secret/secret',
    'metadata.name',
    's'.repeat(64),
  ],
  ['no two objects have one name', 'Service/desktop', 'metadata.name', 'web'],
  ['labels fit', DEPLOYMENT, 'metadata.labels', { app: 'x'.repeat(64) }],
  ['labels fit', DEPLOYMENT, `${TEMPLATE}.metadata.labels.version`, 1.2],
  ['labels fit', DEPLOYMENT, 'metadata.labels', { 'a b': 'c' }],
  ['quantities are quantities', DEPLOYMENT, `${CONTAINER}.resources.limits.memory`, '1 GiB'],
  ['nothing is null', DEPLOYMENT, 'metadata.annotations', null],
  ['a workload selects its own pods', DEPLOYMENT, 'spec.selector.matchLabels', { app: 'x' }],
  [
    'a Service has the pods of one workload behind it',
    'Service/web',
    'spec.selector',
    { app: 'x' },
  ],
  [
    'a Service has the pods of one workload behind it',
    'Job/once',
    `${TEMPLATE}.metadata.labels.app`,
    'web',
  ],
  [
    'a Service leads to ports that its pods have',
    'Service/web',
    'spec.ports.0.targetPort',
    'https',
  ],
  ['a Service leads to ports that its pods have', 'Service/desktop', 'spec.ports.0.port', 6901],
  [
    'ports have names that fit, each once',
    DEPLOYMENT,
    `${CONTAINER}.ports.0.name`,
    'a-name-of-sixteen',
  ],
  [
    'a route leads to a port of a Service of the release',
    'Ingress/web',
    'spec.rules.0.http.paths.0.backend.service.name',
    'x',
  ],
  ['a route leads to a port of a Service of the release', 'Ingress/web', 'spec.rules', []],
  [
    'a route leads to a port of a Service of the release',
    'HTTPRoute/web',
    'spec.rules.0.backendRefs.0.port',
    81,
  ],
  [
    'a NetworkPolicy selects something',
    'NetworkPolicy/all',
    'spec.podSelector',
    { matchLabels: { app: 'x' } },
  ],
  [
    'where there is a NetworkPolicy, no pod goes without one, both ways',
    'NetworkPolicy/all',
    'spec.policyTypes',
    ['Ingress'],
  ],
  [
    'where there is a NetworkPolicy, no pod goes without one, both ways',
    'NetworkPolicy/all',
    'spec.podSelector',
    { matchLabels: { app: 'web' } },
  ],
  [
    'a ServiceMonitor finds a port of a Service',
    'ServiceMonitor/web',
    'spec.endpoints.0.port',
    'metrics',
  ],
  [
    'a ServiceMonitor finds a port of a Service',
    'ServiceMonitor/web',
    'spec.selector',
    { matchLabels: { app: 'x' } },
  ],
  [
    'a PodDisruptionBudget covers one workload and lets broken pods go',
    'PodDisruptionBudget/web',
    'spec.selector',
    {},
  ],
  [
    'a PodDisruptionBudget covers one workload and lets broken pods go',
    'PodDisruptionBudget/web',
    'spec.unhealthyPodEvictionPolicy',
    undefined,
  ],
  [
    'a pod has an account of its own that is there',
    DEPLOYMENT,
    `${TEMPLATE}.spec.serviceAccountName`,
    undefined,
  ],
  [
    'a pod has an account of its own that is there',
    DEPLOYMENT,
    `${TEMPLATE}.spec.serviceAccountName`,
    'x',
  ],
  [
    'only a pod with a role has a token',
    DEPLOYMENT,
    `${TEMPLATE}.spec.automountServiceAccountToken`,
    undefined,
  ],
  [
    'only a pod with a role has a token',
    'ServiceAccount/account',
    'automountServiceAccountToken',
    undefined,
  ],
  ['no role is wider than its task', 'Role/role', 'rules.0.verbs', ['*']],
  ['no role is wider than its task', 'Role/role', 'rules.0.resources', ['secrets']],
  ['no role is wider than its task', 'RoleBinding/role', 'roleRef.kind', 'ClusterRole'],
  ['service links are off', DEPLOYMENT, `${TEMPLATE}.spec.enableServiceLinks`, undefined],
  [
    'containers say what they need and how much they may take',
    DEPLOYMENT,
    `${CONTAINER}.resources.requests.cpu`,
    undefined,
  ],
  [
    'containers say what they need and how much they may take',
    'CronJob/nightly',
    'spec.jobTemplate.spec.template.spec.containers.0.resources',
    {},
  ],
  [
    'only the desktop writes to its root file system',
    DEPLOYMENT,
    `${CONTAINER}.securityContext`,
    {},
  ],
  [
    'pods run as a number that is not root',
    DEPLOYMENT,
    `${TEMPLATE}.spec.securityContext.runAsUser`,
    0,
  ],
  [
    'pods run as a number that is not root',
    DEPLOYMENT,
    `${TEMPLATE}.spec.securityContext`,
    undefined,
  ],
  ['images have a version', DEPLOYMENT, `${CONTAINER}.image`, 'example.com:5000/image'],
  ['images have a version', DEPLOYMENT, `${CONTAINER}.image`, 'example.com/image:latest'],
  [
    'long-running containers are probed, on ports they have',
    DEPLOYMENT,
    `${CONTAINER}.livenessProbe`,
    undefined,
  ],
  [
    'long-running containers are probed, on ports they have',
    DEPLOYMENT,
    `${CONTAINER}.readinessProbe.tcpSocket.port`,
    'admin',
  ],
  [
    'no variable is set twice',
    DEPLOYMENT,
    `${CONTAINER}.env`,
    [
      { name: 'A', value: '1' },
      { name: 'A', value: '2' },
    ],
  ],
  [
    'a secret is in a Secret and nowhere else',
    DEPLOYMENT,
    `${CONTAINER}.args`,
    ['--key=a-very-secret-value'],
  ],
  [
    'a secret is in a Secret and nowhere else',
    DEPLOYMENT,
    `${CONTAINER}.env`,
    [{ name: 'VNC_PASSWORD', value: 'x' }],
  ],
  [
    'what is mounted is a volume, and every volume is mounted',
    DEPLOYMENT,
    `${TEMPLATE}.spec.volumes`,
    [],
  ],
  [
    'what is mounted is a volume, and every volume is mounted',
    DEPLOYMENT,
    `${CONTAINER}.volumeMounts`,
    [],
  ],
  [
    'a StatefulSet has the headless Service that it names',
    'StatefulSet/desktop',
    'spec.serviceName',
    'web',
  ],
  ['jobs end, go, and do not pile up', 'Job/once', 'spec.ttlSecondsAfterFinished', undefined],
  ['jobs end, go, and do not pile up', 'Job/once', 'spec.activeDeadlineSeconds', undefined],
  ['jobs end, go, and do not pile up', 'CronJob/nightly', 'spec.concurrencyPolicy', undefined],
  [
    'jobs end, go, and do not pile up',
    'CronJob/nightly',
    'spec.startingDeadlineSeconds',
    undefined,
  ],
]

it.each(FAULTS)('%s: detects %s with %s = %j', (rule, object, path, value) => {
  const faults = lintFaults(planted(object, path, value))
  expect(
    faults.some((fault) => fault.startsWith(`${rule}: `)),
    faults.join('\n'),
  ).toBe(true)
})

it('has a test for every rule', () => {
  expect(new Set(FAULTS.map(([rule]) => rule))).toEqual(new Set(Object.keys(RULES)))
})
