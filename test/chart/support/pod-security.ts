// The `restricted` level of the Pod Security Standards, as the API server's admission reads it, with its messages.

import type { IContainer } from 'kubernetes-models/v1/Container'
import type { IPodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec'
import type { IVolume } from 'kubernetes-models/v1/Volume'

type Container = Omit<IContainer, 'name'> & { readonly name: string }
type SecurityContext = NonNullable<IContainer['securityContext']>

const VOLUMES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]
const SECCOMP = ['RuntimeDefault', 'Localhost']
const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/'
const SELINUX_TYPES = [
  '',
  'container_t',
  'container_init_t',
  'container_kvm_t',
  'container_engine_t',
]
const SYSCTLS = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
]

/**
 * What keeps a pod out of a namespace labelled `pod-security.kubernetes.io/enforce: restricted`; empty when nothing does.
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/ (v1.36)
 */
export function restrictedViolations({ metadata, spec }: IPodTemplateSpec): string[] {
  if (spec === undefined) return []
  const pod = spec.securityContext ?? {}
  const containers: Container[] = [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...(spec.ephemeralContainers ?? []),
  ]
  const violations: string[] = []
  const refuse = (rule: string, what: string): void => void violations.push(`${rule} (${what})`)

  for (const key of ['hostNetwork', 'hostPID', 'hostIPC'] as const) {
    if (spec[key] === true) refuse('host namespaces', `${key}=true`)
  }
  for (const volume of spec.volumes ?? []) {
    const type = volumeType(volume)
    if (!VOLUMES.includes(type)) {
      refuse(
        'restricted volume types',
        `volume "${volume.name}" uses restricted volume type "${type}"`,
      )
    }
  }
  for (const { name } of pod.sysctls ?? []) {
    if (!SYSCTLS.includes(name)) refuse('forbidden sysctls', name)
  }
  for (const [key, profile] of Object.entries(metadata?.annotations ?? {})) {
    const isFine = ['', 'runtime/default'].includes(profile) || profile.startsWith('localhost/')
    if (key.startsWith(APPARMOR_ANNOTATION) && !isFine) {
      refuse('forbidden AppArmor profile', `${key}="${profile}"`)
    }
  }
  for (const what of sharedRules(pod)) refuse('pod', what)

  for (const container of containers) {
    const own = container.securityContext ?? {}
    const who = `container "${container.name}"`
    if (own.privileged === true) refuse('privileged', `${who} must not set privileged=true`)
    if (own.allowPrivilegeEscalation !== false) {
      refuse('allowPrivilegeEscalation != false', `${who} must set allowPrivilegeEscalation=false`)
    }
    const { add = [], drop = [] } = own.capabilities ?? {}
    if (!drop.includes('ALL')) {
      refuse('unrestricted capabilities', `${who} must set capabilities.drop=["ALL"]`)
    }
    for (const capability of add.filter((one) => one !== 'NET_BIND_SERVICE')) {
      refuse('unrestricted capabilities', `${who} must not add "${capability}"`)
    }
    if (own.procMount !== undefined && own.procMount !== 'Default') {
      refuse('procMount', `${who} must not set procMount="${own.procMount}"`)
    }
    if ((own.runAsNonRoot ?? pod.runAsNonRoot) !== true) {
      refuse('runAsNonRoot != true', `pod or ${who} must set runAsNonRoot=true`)
    }
    const seccomp = (own.seccompProfile ?? pod.seccompProfile)?.type
    if (seccomp === undefined || !SECCOMP.includes(seccomp)) {
      refuse('seccompProfile', `pod or ${who} must set RuntimeDefault or Localhost`)
    }
    for (const what of sharedRules(own)) refuse(who, what)
    for (const { hostPort } of container.ports ?? []) {
      if (hostPort !== undefined && hostPort !== 0)
        refuse('hostPort', `${who} uses hostPort ${hostPort}`)
    }
    for (const host of probedHosts(container))
      refuse('probe or lifecycle host', `${who} names ${host}`)
  }
  return violations
}

/** What a pod's and a container's security context have in common. */
function* sharedRules(context: {
  readonly runAsUser?: number
  readonly appArmorProfile?: SecurityContext['appArmorProfile']
  readonly seLinuxOptions?: SecurityContext['seLinuxOptions']
  readonly windowsOptions?: SecurityContext['windowsOptions']
}): Generator<string> {
  if (context.runAsUser === 0) yield 'runAsUser=0'
  if (context.appArmorProfile?.type === 'Unconfined') yield 'appArmorProfile=Unconfined'
  if (context.windowsOptions?.hostProcess === true) yield 'hostProcess=true'
  const { type = '', user = '', role = '' } = context.seLinuxOptions ?? {}
  if (!SELINUX_TYPES.includes(type)) yield `seLinuxOptions.type="${type}"`
  if (user !== '' || role !== '') yield 'seLinuxOptions sets user or role'
}

/** A volume without a source is an emptyDir. */
function volumeType(volume: IVolume): string {
  return Object.keys(volume).find((key) => key !== 'name') ?? 'emptyDir'
}

/** A probe sent elsewhere makes the kubelet a proxy into the node's networks. */
function probedHosts(container: Container): string[] {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container
  const handlers = [
    livenessProbe,
    readinessProbe,
    startupProbe,
    lifecycle?.postStart,
    lifecycle?.preStop,
  ]
  const hosts = handlers.flatMap((handler) => [handler?.httpGet?.host, handler?.tcpSocket?.host])
  return hosts.filter((host): host is string => host !== undefined && host !== '')
}
