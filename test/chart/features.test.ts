// Each feature changes only its own objects: the differences of each chart/ci/*-values.yaml from the baseline.

import { expect, it } from 'vitest'
import { nameOf, withoutSecrets, type KubernetesObject } from './support/objects.ts'
import { MINIMAL, renderedObjects, renderNames } from './support/renders.ts'

/** Objects that are added (+), removed (-) or changed (~). */
const CHANGES: Readonly<Record<string, readonly string[]>> = {
  'chart/ci/admin-api-values.yaml': [
    '+ Service/desk-ghostwire-gateway-admin',
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
    '~ Secret/desk-ghostwire-gateway',
  ],
  'chart/ci/backup-claim-values.yaml': [
    '+ CronJob/desk-ghostwire-backup',
    '+ CronJob/desk-ghostwire-restore',
    '+ CronJob/desk-ghostwire-verify',
    '+ NetworkPolicy/desk-ghostwire-backup',
    '+ ServiceAccount/desk-ghostwire-backup',
    '~ StatefulSet/desk-ghostwire-desktop',
  ],
  'chart/ci/backup-values.yaml': [
    '+ CronJob/desk-ghostwire-backup',
    '+ CronJob/desk-ghostwire-restore',
    '+ CronJob/desk-ghostwire-verify',
    '+ NetworkPolicy/desk-ghostwire-backup',
    '+ PrometheusRule/backup-alerts',
    '+ Secret/desk-ghostwire-backup',
    '+ ServiceAccount/desk-ghostwire-backup',
  ],
  'chart/ci/certificate-values.yaml': ['+ Certificate/desk-ghostwire', '+ Ingress/desk-ghostwire'],
  'chart/ci/desktop-asleep-values.yaml': ['~ StatefulSet/desk-ghostwire-desktop'],
  'chart/ci/desktop-ports-values.yaml': [
    '~ NetworkPolicy/desk-ghostwire-desktop',
    '~ NetworkPolicy/desk-ghostwire-gateway',
    '~ Service/desk-ghostwire-desktop',
    '~ StatefulSet/desk-ghostwire-desktop',
  ],
  'chart/ci/desktop-tls-image-values.yaml': [
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
    '~ Service/desk-ghostwire-desktop',
    '~ StatefulSet/desk-ghostwire-desktop',
  ],
  'chart/ci/desktop-tls-secret-values.yaml': [
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
    '~ Service/desk-ghostwire-desktop',
    '~ StatefulSet/desk-ghostwire-desktop',
  ],
  'chart/ci/entra-values.yaml': [
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
  ],
  'chart/ci/existing-secrets-values.yaml': [
    '+ Service/desk-ghostwire-gateway-admin',
    '- Secret/desk-ghostwire-desktop',
    '- Secret/desk-ghostwire-gateway',
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
    '~ StatefulSet/desk-ghostwire-desktop',
  ],
  'chart/ci/external-oauth2proxy-values.yaml': [
    '+ Ingress/desk-ghostwire',
    '- ConfigMap/desk-ghostwire-gateway',
    '- Deployment/desk-ghostwire-gateway',
    '- NetworkPolicy/desk-ghostwire-gateway',
    '- NetworkPolicy/desk-ghostwire-test-sign-in',
    '- Pod/desk-ghostwire-test-sign-in',
    '- Secret/desk-ghostwire-gateway',
    '- Service/desk-ghostwire-gateway',
    '- ServiceAccount/desk-ghostwire-gateway',
    '- ServiceAccount/desk-ghostwire-tests',
    '~ NetworkPolicy/desk-ghostwire-desktop',
  ],
  'chart/ci/extra-objects-values.yaml': ['+ ConfigMap/desk-ghostwire-where', '+ ConfigMap/notice'],
  'chart/ci/gateway-config-values.yaml': [
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
  ],
  'chart/ci/gateway-tls-values.yaml': [
    '+ BackendTLSPolicy/desk-ghostwire',
    '+ HTTPRoute/desk-ghostwire',
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
    '~ Pod/desk-ghostwire-test-sign-in',
    '~ Service/desk-ghostwire-gateway',
  ],
  'chart/ci/given-secrets-values.yaml': [
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
    '~ Secret/desk-ghostwire-gateway',
  ],
  'chart/ci/google-values.yaml': [
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
  ],
  'chart/ci/http-route-values.yaml': ['+ HTTPRoute/desk-ghostwire'],
  'chart/ci/ingress-f5-nginx-values.yaml': ['+ Ingress/desk-ghostwire'],
  'chart/ci/ingress-haproxy-values.yaml': [
    '+ Ingress/desk-ghostwire',
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
    '~ Pod/desk-ghostwire-test-sign-in',
    '~ Service/desk-ghostwire-gateway',
  ],
  'chart/ci/ingress-nginx-values.yaml': ['+ Ingress/desk-ghostwire'],
  'chart/ci/ingress-traefik-values.yaml': [
    '+ Ingress/desk-ghostwire',
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
    '~ NetworkPolicy/desk-ghostwire-gateway',
  ],
  'chart/ci/istio-ambient-values.yaml': [
    '~ Deployment/desk-ghostwire-gateway',
    '~ NetworkPolicy/desk-ghostwire-desktop',
    '~ NetworkPolicy/desk-ghostwire-gateway',
    '~ Pod/desk-ghostwire-test-sign-in',
    '~ StatefulSet/desk-ghostwire-desktop',
  ],
  'chart/ci/istio-sidecar-values.yaml': [
    '~ Deployment/desk-ghostwire-gateway',
    '~ NetworkPolicy/desk-ghostwire-desktop',
    '~ NetworkPolicy/desk-ghostwire-gateway',
    '~ Pod/desk-ghostwire-test-sign-in',
    '~ StatefulSet/desk-ghostwire-desktop',
  ],
  'chart/ci/linkerd-values.yaml': [
    '~ Deployment/desk-ghostwire-gateway',
    '~ NetworkPolicy/desk-ghostwire-desktop',
    '~ NetworkPolicy/desk-ghostwire-gateway',
    '~ Pod/desk-ghostwire-test-sign-in',
    '~ StatefulSet/desk-ghostwire-desktop',
  ],
  'chart/ci/load-balancer-values.yaml': [
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
    '~ Pod/desk-ghostwire-test-sign-in',
    '~ Service/desk-ghostwire-gateway',
  ],
  'chart/ci/namespace-labels-values.yaml': [
    '+ Job/desk-ghostwire-namespace-labels',
    '+ NetworkPolicy/desk-ghostwire-namespace-labels',
    '+ Role/desk-ghostwire-namespace-labels',
    '+ RoleBinding/desk-ghostwire-namespace-labels',
    '+ ServiceAccount/desk-ghostwire-namespace-labels',
  ],
  'chart/ci/network-narrow-values.yaml': [
    '~ NetworkPolicy/desk-ghostwire-desktop',
    '~ NetworkPolicy/desk-ghostwire-gateway',
  ],
  'chart/ci/network-private-values.yaml': ['~ NetworkPolicy/desk-ghostwire-desktop'],
  'chart/ci/persistence-existing-values.yaml': [
    '- PersistentVolumeClaim/desk-ghostwire-desktop-home',
    '~ StatefulSet/desk-ghostwire-desktop',
  ],
  'chart/ci/persistence-off-values.yaml': [
    '- PersistentVolumeClaim/desk-ghostwire-desktop-home',
    '~ StatefulSet/desk-ghostwire-desktop',
  ],
  'chart/ci/pod-disruption-budget-values.yaml': [
    '+ PodDisruptionBudget/desk-ghostwire-desktop',
    '+ PodDisruptionBudget/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
    '~ NetworkPolicy/desk-ghostwire-gateway',
  ],
  'chart/ci/private-key-jwt-values.yaml': [
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
  ],
  'chart/ci/rbac-rules-values.yaml': [
    '+ Role/desk-ghostwire-gateway',
    '+ RoleBinding/desk-ghostwire-gateway',
    '+ ServiceAccount/desk-account',
    '- ServiceAccount/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
    '~ NetworkPolicy/desk-ghostwire-gateway',
  ],
  'chart/ci/redis-values.yaml': [
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
    '~ NetworkPolicy/desk-ghostwire-gateway',
    '~ Secret/desk-ghostwire-gateway',
  ],
  'chart/ci/rules-values.yaml': [
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
  ],
  'chart/ci/scheduling-values.yaml': [
    '~ Deployment/desk-ghostwire-gateway',
    '~ Pod/desk-ghostwire-test-sign-in',
    '~ StatefulSet/desk-ghostwire-desktop',
  ],
  'chart/ci/service-account-values.yaml': [
    '- ServiceAccount/desk-ghostwire-desktop',
    '- ServiceAccount/desk-ghostwire-gateway',
    '- ServiceAccount/desk-ghostwire-tests',
    '~ Deployment/desk-ghostwire-gateway',
    '~ Pod/desk-ghostwire-test-sign-in',
    '~ StatefulSet/desk-ghostwire-desktop',
  ],
  'chart/ci/servicemonitor-values.yaml': [
    '+ Service/desk-ghostwire-gateway-admin',
    '+ ServiceMonitor/desk-ghostwire-gateway',
    // The gateway answers to the names of its admin Service.
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
    '~ NetworkPolicy/desk-ghostwire-gateway',
  ],
  'chart/ci/prometheusrule-values.yaml': [
    '+ PrometheusRule/desk-ghostwire-gateway',
    '+ Service/desk-ghostwire-gateway-admin',
    '+ ServiceMonitor/desk-ghostwire-gateway',
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
    '~ NetworkPolicy/desk-ghostwire-gateway',
  ],
  'chart/ci/grafana-dashboard-values.yaml': ['+ ConfigMap/desk-ghostwire-dashboard'],
  'chart/ci/sqlite-values.yaml': [
    '+ PersistentVolumeClaim/desk-ghostwire-gateway-sessions',
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
  ],
  'chart/ci/tests-values.yaml': [
    '+ NetworkPolicy/desk-ghostwire-test-isolation',
    '+ Pod/desk-ghostwire-test-isolation',
  ],
  'chart/ci/viewers-values.yaml': [
    '~ ConfigMap/desk-ghostwire-gateway',
    '~ Deployment/desk-ghostwire-gateway',
  ],
  'chart/ci/volume-snapshot-values.yaml': [
    '+ CronJob/desk-ghostwire-snapshot',
    '+ NetworkPolicy/desk-ghostwire-snapshot',
    '+ PersistentVolumeClaim/desk-ghostwire-desktop-home-2426d9',
    '+ Role/desk-ghostwire-snapshot',
    '+ RoleBinding/desk-ghostwire-snapshot',
    '+ ServiceAccount/desk-ghostwire-snapshot',
    '- PersistentVolumeClaim/desk-ghostwire-desktop-home',
    '~ StatefulSet/desk-ghostwire-desktop',
  ],
}

/** In this file, all objects have other names. */
const RENAMED = 'chart/ci/names-values.yaml'

const FEATURES = renderNames().filter(
  (name) => name.startsWith('chart/ci/') && name !== MINIMAL && name !== RENAMED,
)

it.each(FEATURES)('%s', (name) => {
  expect(changes(name)).toEqual([...(CHANGES[name] ?? [])].sort())
})

it('has an entry for every feature, and no others', () => {
  expect(Object.keys(CHANGES).sort()).toEqual([...FEATURES].sort())
})

it(RENAMED, () => {
  const renamed = [...byName(RENAMED).keys()].map((name) =>
    name.replace('/desk-one', '/desk-ghostwire'),
  )
  expect(renamed.sort()).toEqual([...byName(MINIMAL).keys()].sort())
})

function changes(name: string): string[] {
  const before = byName(MINIMAL)
  const after = byName(name)
  const all = new Set([...before.keys(), ...after.keys()])
  return [...all]
    .flatMap((object) => {
      if (!before.has(object)) return [`+ ${object}`]
      if (!after.has(object)) return [`- ${object}`]
      return before.get(object) === after.get(object) ? [] : [`~ ${object}`]
    })
    .sort()
}

function byName(name: string): Map<string, string> {
  const objects: KubernetesObject[] = withoutSecrets(renderedObjects(name))
  return new Map(objects.map((object) => [nameOf(object), JSON.stringify(object)]))
}
