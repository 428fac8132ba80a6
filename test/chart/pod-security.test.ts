// The evaluator itself: one thing wrong at a time. objects.test.ts tests the chart's pods.

import type { IPodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec'
import { expect, it } from 'vitest'
import { restrictedViolations } from './support/pod-security.ts'

type Container = NonNullable<IPodTemplateSpec['spec']>['containers'][number]

const SAFE: Container = {
  name: 'main',
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
}

function pod(
  spec: Partial<NonNullable<IPodTemplateSpec['spec']>> = {},
  container: Partial<Container> = {},
): IPodTemplateSpec {
  return {
    spec: {
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{ ...SAFE, ...container }],
      ...spec,
    },
  }
}

function contained(securityContext: NonNullable<Container['securityContext']>): IPodTemplateSpec {
  return pod({}, { securityContext: { ...SAFE.securityContext, ...securityContext } })
}

it.each<[string, IPodTemplateSpec]>([
  ['with nothing but what is required', pod()],
  [
    'with every volume type that is allowed',
    pod({
      volumes: [
        { name: 'a' },
        { name: 'b', secret: {} },
        { name: 'c', persistentVolumeClaim: { claimName: 'x' } },
      ],
    }),
  ],
  [
    'that binds a low port',
    contained({ capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }),
  ],
  [
    'whose containers set what the pod does not',
    pod(
      { securityContext: {} },
      {
        securityContext: {
          ...SAFE.securityContext,
          runAsNonRoot: true,
          seccompProfile: { type: 'Localhost', localhostProfile: 'p' },
        },
      },
    ),
  ],
  ['with a probe of its own address', pod({}, { livenessProbe: { httpGet: { port: 80 } } })],
])('admits a pod %s', (_, template) => {
  expect(restrictedViolations(template)).toEqual([])
})

it.each<[string, IPodTemplateSpec]>([
  ['host namespaces (hostNetwork=true)', pod({ hostNetwork: true })],
  ['host namespaces (hostPID=true)', pod({ hostPID: true })],
  ['host namespaces (hostIPC=true)', pod({ hostIPC: true })],
  [
    'restricted volume types (volume "v" uses restricted volume type "hostPath")',
    pod({ volumes: [{ name: 'v', hostPath: { path: '/' } }] }),
  ],
  [
    'restricted volume types (volume "v" uses restricted volume type "nfs")',
    pod({ volumes: [{ name: 'v', nfs: { path: '/', server: 's' } }] }),
  ],
  [
    'forbidden sysctls (kernel.msgmax)',
    pod({
      securityContext: {
        ...pod().spec?.securityContext,
        sysctls: [{ name: 'kernel.msgmax', value: '1' }],
      },
    }),
  ],
  ['pod (runAsUser=0)', pod({ securityContext: { ...pod().spec?.securityContext, runAsUser: 0 } })],
  ['privileged (container "main" must not set privileged=true)', contained({ privileged: true })],
  [
    'allowPrivilegeEscalation != false (container "main" must set allowPrivilegeEscalation=false)',
    contained({ allowPrivilegeEscalation: true }),
  ],
  [
    'unrestricted capabilities (container "main" must set capabilities.drop=["ALL"])',
    contained({ capabilities: { drop: ['NET_RAW'] } }),
  ],
  [
    'unrestricted capabilities (container "main" must not add "SYS_ADMIN")',
    contained({ capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } }),
  ],
  [
    'procMount (container "main" must not set procMount="Unmasked")',
    contained({ procMount: 'Unmasked' }),
  ],
  [
    'runAsNonRoot != true (pod or container "main" must set runAsNonRoot=true)',
    contained({ runAsNonRoot: false }),
  ],
  [
    'seccompProfile (pod or container "main" must set RuntimeDefault or Localhost)',
    contained({ seccompProfile: { type: 'Unconfined' } }),
  ],
  ['container "main" (runAsUser=0)', contained({ runAsUser: 0 })],
  [
    'container "main" (appArmorProfile=Unconfined)',
    contained({ appArmorProfile: { type: 'Unconfined' } }),
  ],
  [
    'container "main" (seLinuxOptions.type="spc_t")',
    contained({ seLinuxOptions: { type: 'spc_t' } }),
  ],
  [
    'container "main" (seLinuxOptions sets user or role)',
    contained({ seLinuxOptions: { user: 'root' } }),
  ],
  ['container "main" (hostProcess=true)', contained({ windowsOptions: { hostProcess: true } })],
  [
    'hostPort (container "main" uses hostPort 80)',
    pod({}, { ports: [{ containerPort: 80, hostPort: 80 }] }),
  ],
  [
    'probe or lifecycle host (container "main" names 10.0.0.1)',
    pod({}, { readinessProbe: { tcpSocket: { host: '10.0.0.1', port: 1 } } }),
  ],
  [
    'probe or lifecycle host (container "main" names 10.0.0.1)',
    pod({}, { lifecycle: { preStop: { httpGet: { host: '10.0.0.1', port: 1 } } } }),
  ],
  [
    'forbidden AppArmor profile (container.apparmor.security.beta.kubernetes.io/main="unconfined")',
    {
      ...pod(),
      metadata: {
        annotations: { 'container.apparmor.security.beta.kubernetes.io/main': 'unconfined' },
      },
    },
  ],
])('refuses: %s', (violation, template) => {
  expect(restrictedViolations(template)).toEqual([violation])
})

it('checks init and ephemeral containers too', () => {
  const bad = { name: 'bad', securityContext: { ...SAFE.securityContext, privileged: true } }
  const found = ['privileged (container "bad" must not set privileged=true)']
  expect(restrictedViolations(pod({ initContainers: [bad] }))).toEqual(found)
  expect(restrictedViolations(pod({ ephemeralContainers: [bad] }))).toEqual(found)
})

it('refuses a pod if only one of several containers is correct', () => {
  const careless: Container = { name: 'careless' }
  const found = restrictedViolations(pod({ securityContext: {}, containers: [SAFE, careless] }))
  expect(found).toHaveLength(6)
})
