// Rules for manifests that a schema cannot hold: references that lead nowhere, pods that are not careful, names that
// do not fit. Most are kube-linter's, which is not to be had from npm or Debian.

import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget'
import type { ICronJob } from 'kubernetes-models/batch/v1/CronJob'
import type { IHTTPRoute } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRoute'
import type { IIngress } from 'kubernetes-models/networking.k8s.io/v1/Ingress'
import type { IJob } from 'kubernetes-models/batch/v1/Job'
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import type { IRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/Role'
import type { IRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/RoleBinding'
import type { ISecret } from 'kubernetes-models/v1/Secret'
import type { IService } from 'kubernetes-models/v1/Service'
import type { IServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor'
import type { ILabelSelector } from '@kubernetes-models/apimachinery/apis/meta/v1/LabelSelector'
import { matches } from './network-policy.ts'
import {
  leaves,
  nameOf,
  ofKind,
  podOwners,
  type KubernetesObject,
  type PodOwner,
} from './objects.ts'

type Objects = readonly KubernetesObject[]
type Rule = (objects: Objects) => Generator<string>
type Container = PodOwner['template']['spec']['containers'][number]

const DNS_LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/
const DNS_SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/
const LABEL_KEY = /^(?:[a-z0-9.-]{1,253}\/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/
const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?)?$/
const PORT_NAME = /^(?=.*[a-z])[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?$/
/** @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
const QUANTITY = /^\d+(?:\.\d+)?(?:[EPTGMk]i?|Ki|m|e\d+)?$/
/** A Job's name and eleven characters more is the name of a CronJob's. */
const CRON_JOB_NAME = 52
/** A revision or pod suffix follows the names of these, and a label has to hold the whole. */
const WORKLOAD_NAME = 52
const FALSY = new Set(['', 'false', '0'])

export const RULES: Readonly<Record<string, Rule>> = {
  *'every name is one of DNS and leaves room for the suffixes'(objects) {
    for (const object of objects) {
      const { name } = object.metadata
      const pattern = object.kind === 'Service' ? DNS_LABEL : DNS_SUBDOMAIN
      const longest =
        { CronJob: CRON_JOB_NAME, StatefulSet: WORKLOAD_NAME, Deployment: WORKLOAD_NAME }[
          object.kind
        ] ?? 63
      if (!pattern.test(name)) yield `${nameOf(object)} is no DNS name`
      if (name.length > longest)
        yield `${nameOf(object)} has ${name.length} characters, ${longest} fit`
    }
  },

  *'no two objects have one name'(objects) {
    const seen = new Set<string>()
    for (const object of objects) {
      const name = `${nameOf(object)} in ${object.metadata.namespace ?? 'the release'}`
      if (seen.has(name)) yield `${name} is there twice`
      seen.add(name)
    }
  },

  *'labels fit'(objects) {
    const all = [
      ...objects.map((object) => [nameOf(object), object.metadata.labels] as const),
      ...podOwners(objects).map(
        ({ name, template }) => [`pod of ${name}`, template.metadata?.labels] as const,
      ),
    ]
    for (const [name, labels = {}] of all) {
      for (const [key, value] of Object.entries(labels)) {
        if (!LABEL_KEY.test(key)) yield `${name}: label ${key} has no valid name`
        if (typeof value !== 'string' || !LABEL_VALUE.test(value))
          yield `${name}: label ${key} has the value ${JSON.stringify(value)}`
      }
    }
  },

  *'quantities are quantities'(objects) {
    for (const object of objects) {
      for (const [path, leaf] of leaves(object)) {
        const isQuantity = /\.(?:limits|requests)\.[^.]+$|\.sizeLimit$/.test(path)
        if (isQuantity && !QUANTITY.test(String(leaf)))
          yield `${nameOf(object)}: ${path} is ${String(leaf)}`
      }
    }
  },

  *'nothing is null'(objects) {
    for (const object of objects) {
      for (const [path, leaf] of leaves(object))
        if (leaf === null) yield `${nameOf(object)}: ${path} is null`
    }
  },

  *'a workload selects its own pods'(objects) {
    for (const { name, object, template } of podOwners(objects)) {
      const { selector } = (object['spec'] ?? {}) as { selector?: ILabelSelector }
      if (selector !== undefined && !matches(selector, template.metadata?.labels ?? {}))
        yield `${name} does not select its pods`
    }
  },

  // A test pod or a job that a Service takes for the desktop gets people's connections.
  *'a Service has the pods of one workload behind it'(objects) {
    for (const service of ofKind<IService>(objects, 'Service')) {
      const { selector } = service.spec ?? {}
      if (service.spec?.type === 'ExternalName') continue
      const behind = selectedBy({ matchLabels: selector ?? {} }, objects)
      if (behind.length !== 1)
        yield `${nameOf(service)} selects ${behind.length === 0 ? 'nothing' : behind.map(({ name }) => name).join(' and ')}`
    }
  },

  *'a Service leads to ports that its pods have'(objects) {
    for (const service of ofKind<IService>(objects, 'Service')) {
      const ports = selectedBy({ matchLabels: service.spec?.selector ?? {} }, objects).flatMap(
        portsOf,
      )
      for (const { port, targetPort = port } of service.spec?.ports ?? []) {
        const isThere = ports.some(
          ({ name, containerPort }) => targetPort === name || targetPort === containerPort,
        )
        if (!isThere)
          yield `${nameOf(service)} leads to port ${targetPort}, which its pods do not have`
      }
    }
  },

  *'ports have names that fit, each once'(objects) {
    for (const owner of podOwners(objects)) {
      const names = portsOf(owner).flatMap(({ name }) => name ?? [])
      for (const name of names) if (!PORT_NAME.test(name)) yield `${owner.name}: port name ${name}`
      if (new Set(names).size < names.length) yield `${owner.name} names two ports alike`
    }
  },

  *'a route leads to a port of a Service of the release'(objects) {
    const backends: [string, string | undefined, number | string | undefined][] = []
    for (const ingress of ofKind<IIngress>(objects, 'Ingress')) {
      const paths = ingress.spec?.rules?.flatMap(({ http }) => http?.paths ?? []) ?? []
      if (paths.length === 0) yield `${nameOf(ingress)} has no path`
      for (const { backend } of paths)
        backends.push([
          nameOf(ingress),
          backend.service?.name,
          backend.service?.port?.name ?? backend.service?.port?.number,
        ])
    }
    for (const route of ofKind<IHTTPRoute>(objects, 'HTTPRoute')) {
      for (const { backendRefs = [] } of route.spec.rules ?? []) {
        for (const { name, port } of backendRefs) backends.push([nameOf(route), name, port])
      }
    }
    const services = ofKind<IService>(objects, 'Service')
    for (const [from, name, port] of backends) {
      const service = services.find(({ metadata }) => metadata.name === name)
      if (service === undefined) yield `${from} leads to Service/${name}, which is not there`
      else if (!service.spec?.ports?.some((one) => one.port === port || one.name === port))
        yield `${from} leads to port ${port}, which ${nameOf(service)} does not have`
    }
  },

  *'a NetworkPolicy selects something'(objects) {
    for (const policy of ofKind<INetworkPolicy>(objects, 'NetworkPolicy')) {
      if (selectedBy(policy.spec?.podSelector ?? {}, objects).length === 0)
        yield `${nameOf(policy)} selects nothing`
    }
  },

  *'where there is a NetworkPolicy, no pod goes without one, both ways'(objects) {
    const policies = ofKind<INetworkPolicy>(objects, 'NetworkPolicy')
    if (policies.length === 0) return
    for (const { name, template } of podOwners(objects)) {
      for (const direction of ['Ingress', 'Egress'] as const) {
        const isBound = policies.some(
          ({ spec }) =>
            matches(spec?.podSelector ?? {}, template.metadata?.labels ?? {}) &&
            spec?.policyTypes?.includes(direction),
        )
        if (!isBound) yield `no policy binds the ${direction.toLowerCase()} of ${name}`
      }
    }
  },

  *'a ServiceMonitor finds a port of a Service'(objects) {
    for (const monitor of ofKind<IServiceMonitor>(objects, 'ServiceMonitor')) {
      const found = ofKind<IService>(objects, 'Service').filter(({ metadata }) =>
        matches(monitor.spec.selector, metadata.labels ?? {}),
      )
      if (found.length !== 1) yield `${nameOf(monitor)} finds ${found.length} services`
      for (const { port } of monitor.spec.endpoints ?? []) {
        if (!found.some(({ spec }) => spec?.ports?.some(({ name }) => name === port)))
          yield `${nameOf(monitor)} wants port ${port}, which no service of it has`
      }
    }
  },

  *'a PodDisruptionBudget covers one workload and lets broken pods go'(objects) {
    for (const budget of ofKind<IPodDisruptionBudget>(objects, 'PodDisruptionBudget')) {
      const covered = selectedBy(budget.spec?.selector ?? {}, objects)
      if (covered.length !== 1) yield `${nameOf(budget)} covers ${covered.length} workloads`
      if (budget.spec?.unhealthyPodEvictionPolicy !== 'AlwaysAllow')
        yield `${nameOf(budget)} keeps a broken pod on a node that drains`
    }
  },

  *'a pod has an account of its own that is there'(objects) {
    const accounts = new Set(ofKind(objects, 'ServiceAccount').map(({ metadata }) => metadata.name))
    for (const { name, template } of podOwners(objects)) {
      const account = template.spec.serviceAccountName ?? 'default'
      if (account === 'default') yield `${name} runs as the default account of the namespace`
      else if (accounts.size > 0 && !accounts.has(account))
        yield `${name} runs as ${account}, which is not there`
    }
  },

  *'only a pod with a role has a token'(objects) {
    const bound = new Set(
      ofKind<IRoleBinding>(objects, 'RoleBinding').flatMap(({ subjects = [] }) =>
        subjects.map(({ name }) => name),
      ),
    )
    for (const account of ofKind(objects, 'ServiceAccount')) {
      if (account['automountServiceAccountToken'] !== false)
        yield `${nameOf(account)} mounts its token`
    }
    for (const { name, template } of podOwners(objects)) {
      const { automountServiceAccountToken = true, serviceAccountName = 'default' } = template.spec
      if (automountServiceAccountToken && !bound.has(serviceAccountName))
        yield `${name} mounts a token that it has no use for`
    }
  },

  *'no role is wider than its task'(objects) {
    for (const role of ofKind<IRole>(objects, 'Role')) {
      for (const { apiGroups = [], resources = [], verbs = [] } of role.rules ?? []) {
        const words = [...apiGroups, ...resources, ...verbs]
        if (words.includes('*')) yield `${nameOf(role)} has a wildcard`
        for (const resource of ['secrets', 'pods/exec'])
          if (resources.includes(resource)) yield `${nameOf(role)} has ${resource}`
      }
    }
    for (const binding of ofKind<IRoleBinding>(objects, 'RoleBinding')) {
      const isThere =
        binding.roleRef.kind === 'Role' &&
        ofKind(objects, 'Role').some(({ metadata }) => metadata.name === binding.roleRef.name)
      if (!isThere)
        yield `${nameOf(binding)} binds ${binding.roleRef.kind}/${binding.roleRef.name}, which is not there`
    }
  },

  *'service links are off'(objects) {
    for (const { name, template } of podOwners(objects)) {
      if (template.spec.enableServiceLinks !== false) yield `${name} has service links`
    }
  },

  *'containers say what they need and how much they may take'(objects) {
    for (const [name, { resources = {} }] of containers(objects)) {
      for (const key of ['cpu', 'memory'])
        if (resources.requests?.[key] === undefined) yield `${name} requests no ${key}`
      if (resources.limits?.['memory'] === undefined) yield `${name} has no memory limit`
    }
  },

  // KasmVNC's start script writes its configuration next to its programs.
  *'only the desktop writes to its root file system'(objects) {
    for (const [name, { securityContext }, owner] of containers(objects)) {
      if (componentOf(owner) !== 'desktop' && securityContext?.readOnlyRootFilesystem !== true)
        yield `${name} can write to its root file system`
    }
  },

  // `runAsNonRoot` cannot be checked against a user that an image gives by name.
  *'pods run as a number that is not root'(objects) {
    for (const [name, { securityContext = {} }, { template }] of containers(objects)) {
      const pod = template.spec.securityContext ?? {}
      for (const key of ['runAsUser', 'runAsGroup'] as const) {
        const id = securityContext[key] ?? pod[key]
        if (id === undefined || id === 0) yield `${name} has ${key} ${id}`
      }
    }
  },

  *'images have a version'(objects) {
    for (const [name, { image = '' }] of containers(objects)) {
      const [, tag] = /:([^:/@]+)(?:@|$)/.exec(image) ?? []
      if (!image.includes('@sha256:') && (tag === undefined || tag === 'latest'))
        yield `${name} runs ${image || 'no image'}`
    }
  },

  *'long-running containers are probed, on ports they have'(objects) {
    for (const [name, container, { object }] of containers(objects)) {
      const { livenessProbe, readinessProbe, startupProbe, ports = [] } = container
      const isLongRunning = ['Deployment', 'StatefulSet'].includes(object.kind)
      if (isLongRunning && (livenessProbe === undefined || readinessProbe === undefined))
        yield `${name} is not probed`
      for (const probe of [livenessProbe, readinessProbe, startupProbe]) {
        const port = probe?.httpGet?.port ?? probe?.tcpSocket?.port
        const isThere = ports.some(
          ({ name, containerPort }) => port === name || port === containerPort,
        )
        if (port !== undefined && !isThere)
          yield `${name} is probed on ${port}, which it does not have`
      }
    }
  },

  *'no variable is set twice'(objects) {
    for (const [name, { env = [] }] of containers(objects)) {
      const names = env.map(({ name }) => name)
      for (const twice of names.filter((one, index) => names.indexOf(one) !== index))
        yield `${name} sets ${twice} twice`
    }
  },

  *'a secret is in a Secret and nowhere else'(objects) {
    const secrets = ofKind<ISecret>(objects, 'Secret').flatMap(({ data = {}, stringData = {} }) => [
      ...Object.values(stringData),
      ...Object.values(data).map((value) => Buffer.from(value, 'base64').toString()),
    ])
    const guarded = secrets.filter((secret) => secret.length >= 8)
    for (const object of objects) {
      if (object.kind === 'Secret') continue
      const text = JSON.stringify(object)
      for (const secret of guarded)
        if (text.includes(secret)) yield `${nameOf(object)} holds a value of a Secret`
    }
    for (const [name, { env = [] }] of containers(objects)) {
      for (const { name: variable, value } of env) {
        const isSecret =
          /secret|passw|token|private_key/i.test(variable) && !variable.endsWith('_FILE')
        if (isSecret && value !== undefined && !FALSY.has(value))
          yield `${name} has ${variable} in plain`
      }
    }
  },

  *'what is mounted is a volume, and every volume is mounted'(objects) {
    for (const { name, object, template } of podOwners(objects)) {
      const { volumeClaimTemplates = [] } = (object['spec'] ?? {}) as {
        volumeClaimTemplates?: KubernetesObject[]
      }
      const volumes = new Set(
        [
          ...(template.spec.volumes ?? []),
          ...volumeClaimTemplates.map(({ metadata }) => metadata),
        ].map((volume) => volume.name),
      )
      const all = [...(template.spec.initContainers ?? []), ...template.spec.containers]
      const mounted = new Set(
        all.flatMap(({ volumeMounts = [] }) => volumeMounts.map((mount) => mount.name)),
      )
      for (const mount of mounted)
        if (!volumes.has(mount)) yield `${name} mounts ${mount}, which is no volume`
      for (const volume of volumes)
        if (!mounted.has(volume)) yield `${name} has the volume ${volume} for nothing`
    }
  },

  *'a StatefulSet has the headless Service that it names'(objects) {
    for (const object of ofKind(objects, 'StatefulSet')) {
      const { serviceName } = object['spec'] as { serviceName?: string }
      const service = ofKind<IService>(objects, 'Service').find(
        ({ metadata }) => metadata.name === serviceName,
      )
      if (service?.spec?.clusterIP !== 'None')
        yield `${nameOf(object)} names ${serviceName ?? 'no service'}`
    }
  },

  *'jobs end, go, and do not pile up'(objects) {
    for (const job of ofKind<IJob>(objects, 'Job')) {
      const isDeleted =
        job.metadata.annotations?.['helm.sh/hook-delete-policy']?.includes('hook-succeeded') ??
        false
      if (!isDeleted && job.spec?.ttlSecondsAfterFinished === undefined)
        yield `${nameOf(job)} stays for ever`
      if (job.spec?.activeDeadlineSeconds === undefined) yield `${nameOf(job)} may run for ever`
    }
    for (const job of ofKind<ICronJob>(objects, 'CronJob')) {
      if (job.spec?.concurrencyPolicy !== 'Forbid') yield `${nameOf(job)} may run twice at once`
      if (job.spec?.startingDeadlineSeconds === undefined)
        yield `${nameOf(job)} has no starting deadline`
    }
  },
}

/** `rule: fault`, over all rules. */
export function lintFaults(objects: Objects): string[] {
  return Object.entries(RULES).flatMap(([name, rule]) =>
    [...rule(objects)].map((fault) => `${name}: ${fault}`),
  )
}

function selectedBy(selector: ILabelSelector, objects: Objects): PodOwner[] {
  return podOwners(objects).filter(({ template }) =>
    matches(selector, template.metadata?.labels ?? {}),
  )
}

export function componentOf({ template }: PodOwner): string | undefined {
  return template.metadata?.labels?.['app.kubernetes.io/component']
}

function portsOf({ template }: PodOwner): NonNullable<Container['ports']> {
  return template.spec.containers.flatMap(({ ports = [] }) => ports)
}

/** `Deployment/desk-gateway: gateway`, its container, its owner. */
function* containers(
  objects: Objects,
): Generator<[name: string, container: Container, owner: PodOwner]> {
  for (const owner of podOwners(objects)) {
    const { initContainers = [], containers } = owner.template.spec
    for (const container of [...initContainers, ...containers])
      yield [`${owner.name}: ${container.name}`, container, owner]
  }
}
