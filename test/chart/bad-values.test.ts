// Values that cannot work give an error that names the key, and never half a release.

import { describe, expect, it } from 'vitest'
import { MINIMAL, template } from './support/helm.ts'

it('lists all required values if none are given', async () => {
  const { code, stdout, stderr } = await template()
  expect(code).not.toBe(0)
  expect(stdout).toBe('')
  for (const key of [
    'gateway.publicUrl',
    'oauth2proxy.issuer',
    'oauth2proxy.clientId',
    'oauth2proxy.allowed',
  ]) {
    expect(stderr).toContain(key)
  }
})

const LONG = 'x'.repeat(64)
const TLS = { tls: [{ secretName: 'tls', hosts: ['desk.example.com'] }] }

/** Values over the baseline → what the error says: the key, and what is wrong with it. */
const BAD: readonly (readonly [
  what: string,
  values: Readonly<Record<string, unknown>>,
  says: readonly string[],
])[] = [
  ['a key that nobody knows', { gatway: {} }, ['gatway']],
  ['a key that the section does not know', { ingress: { hots: [] } }, ['ingress', 'hots']],
  ['a word where a number belongs', { gateway: { replicas: 'two' } }, ['replicas']],
  [
    'a public URL in plain HTTP',
    { gateway: { publicUrl: 'http://desk.example.com' } },
    ['gateway.publicUrl'],
  ],
  [
    'an issuer in plain HTTP',
    { oauth2proxy: { issuer: 'http://keycloak.sso.svc:8080/realms/staff' } },
    ['oauth2proxy.issuer', 'https'],
  ],
  [
    'owners, and no user for them',
    {
      oauth2proxy: {
        allowed: { groups: [] },
        rules: [{ match: { groups: ['a'] }, role: 'owner' }],
      },
      desktop: { auth: { ownerUsername: '' } },
    },
    ['desktop.auth.ownerUsername'],
  ],
  [
    'an address in place of a name, for an ingress',
    { gateway: { publicUrl: 'https://10.1.2.3' }, ingress: { enabled: true, tlsElsewhere: true } },
    ['gateway.publicUrl', '10.1.2.3'],
  ],
  [
    'an IPv6 address in place of a name, for a route',
    {
      gateway: { publicUrl: 'https://[fd00::1]' },
      httpRoute: { enabled: true, parentRefs: [{ name: 'web' }] },
    },
    ['gateway.publicUrl', 'fd00::1'],
  ],
  [
    'a Redis whose port the policy keeps shut',
    {
      sessionStore: {
        type: 'redis',
        redis: { url: 'rediss://:password@redis.example.com:6380/0' },
      },
    },
    ['sessionStore.redis.ports', '6380'],
  ],
  [
    'sentinels whose port the policy keeps shut',
    {
      sessionStore: {
        type: 'redis',
        redis: { url: 'redis+sentinel://:password@one,two:26380/main', ports: [6379, 26379] },
      },
    },
    ['sessionStore.redis.ports', '26380', 'two'],
  ],
  [
    'a gateway with TLS that Traefik would not trust',
    {
      gateway: { tls: { existingSecret: 'tls' } },
      ingress: { enabled: true, controller: 'traefik', ...TLS },
    },
    ['gateway.service.annotations', 'serverstransport'],
  ],
  [
    'a gateway with TLS, which a controller nobody named is not told of',
    {
      gateway: { tls: { existingSecret: 'tls' } },
      ingress: { enabled: true, className: 'x', ...TLS },
    },
    ['ingress.controller', 'gateway.tls'],
  ],
  [
    'a certificate that the ingress does not use',
    {
      certificate: { enabled: true, issuerRef: { name: 'ca' } },
      ingress: { enabled: true, tls: [{ secretName: 'mine' }] },
    },
    ['certificate.secretName', 'mine'],
  ],
  [
    'a policy of external traffic without any',
    { gateway: { service: { externalTrafficPolicy: 'Local' } } },
    ['gateway.service.externalTrafficPolicy'],
  ],
  [
    'source ranges without a load balancer',
    { gateway: { service: { type: 'NodePort', loadBalancerSourceRanges: ['10.0.0.0/8'] } } },
    ['gateway.service.loadBalancerSourceRanges'],
  ],
  [
    'a redirect in place of the gateway',
    {
      httpRoute: {
        enabled: true,
        parentRefs: [{ name: 'web' }],
        filters: [{ type: 'RequestRedirect', requestRedirect: {} }],
      },
    },
    ['httpRoute.filters'],
  ],
  [
    'a Gateway without a name',
    { httpRoute: { enabled: true, parentRefs: [{ namespace: 'web' }] } },
    ['parentRefs', 'name'],
  ],
  [
    'a duration that cert-manager cannot read',
    { certificate: { duration: '90d' } },
    ['/certificate/duration'],
  ],
  [
    'a probe of life that has to succeed twice',
    { desktop: { livenessProbe: { successThreshold: 2 } } },
    ['successThreshold'],
  ],
  [
    'a folder in the claim from the root',
    { persistence: { subPath: '/a' } },
    ['/persistence/subPath'],
  ],
  [
    'everything as a network of the cluster',
    { networkPolicy: { clusterCIDRs: ['0.0.0.0/0'] } },
    ['/networkPolicy/clusterCIDRs/0'],
  ],
  [
    'nobody who answers DNS',
    { networkPolicy: { dns: { peers: [], cidrs: [] } } },
    ['networkPolicy.dns'],
  ],
  [
    'two things at one place',
    { desktop: { extraVolumeMounts: [{ name: 'mine', mountPath: '/dev/shm/' }] } },
    ['desktop.extraVolumeMounts', '/dev/shm'],
  ],
  [
    'a scrape that takes longer than until the next one',
    { servicemonitor: { enabled: true, interval: '10s', scrapeTimeout: '1m' } },
    ['servicemonitor.scrapeTimeout', '10s'],
  ],
  [
    'alerts about metrics that nobody scrapes',
    { prometheusrule: { enabled: true } },
    ['prometheusrule.selector', 'servicemonitor.enabled'],
  ],
  [
    'a kill before the gateway has drained',
    { gateway: { config: { drain: { timeout: '5m' } } } },
    ['gateway.terminationGracePeriodSeconds', '305'],
  ],
  [
    'a budget for the desktop in none',
    { podDisruptionBudget: { desktop: true } },
    ['podDisruptionBudget.desktop'],
  ],
  [
    'a budget that lets nobody go',
    { podDisruptionBudget: { enabled: true, maxUnavailable: 0 } },
    ['podDisruptionBudget.maxUnavailable'],
  ],
  [
    'a share that is everybody',
    { podDisruptionBudget: { enabled: true, minAvailable: '50%' } },
    ['podDisruptionBudget.minAvailable'],
  ],
  [
    'a public URL with a path',
    { gateway: { publicUrl: 'https://example.com/desk' } },
    ['gateway.publicUrl'],
  ],
  ['nobody who may come in', { oauth2proxy: { allowed: { groups: [] } } }, ['oauth2proxy.allowed']],
  [
    'two answers to who may come in',
    { oauth2proxy: { rules: [{ match: { groups: ['a'] }, role: 'control' }] } },
    ['oauth2proxy.rules', 'oauth2proxy.allowed'],
  ],
  [
    'no sign-in at all',
    { oauth2proxy: { enabled: false } },
    ['oauth2proxy.enabled', 'oauth2proxy.external'],
  ],
  [
    'two that sign in',
    { oauth2proxy: { external: { enabled: true } } },
    ['oauth2proxy.external.enabled'],
  ],
  [
    'an issuer that is none of the provider’s',
    { oauth2proxy: { provider: 'github' } },
    ['oauth2proxy.provider', 'github'],
  ],
  ['a provider that nobody knows', { oauth2proxy: { provider: 'facebook' } }, ['provider']],
  [
    'an issuer that the provider never has',
    { oauth2proxy: { provider: 'keycloak', issuer: 'https://login.example.com' } },
    ['oauth2proxy.issuer', '/realms/'],
  ],
  [
    'an issuer for everybody’s tenants',
    { oauth2proxy: { provider: 'entra', issuer: 'https://login.microsoftonline.com/common/v2.0' } },
    ['oauth2proxy.issuer'],
  ],
  [
    'groups of a provider that sends none',
    { oauth2proxy: { provider: 'google', issuer: '' } },
    ['oauth2proxy.allowed.groups', 'Google sends no groups'],
  ],
  [
    'a setting that the chart writes',
    { gateway: { config: { publicUrl: 'https://other.example.com' } } },
    ['gateway.config.publicUrl', 'gateway.publicUrl'],
  ],
  [
    'a setting below one that the chart writes',
    { gateway: { config: { oidc: { issuer: 'https://other.example.com' } } } },
    ['gateway.config.oidc', 'oauth2proxy'],
  ],
  [
    'the desktop’s password in its environment',
    { desktop: { env: { VNC_PW: 'x' } } },
    ['desktop.env.VNC_PW', 'desktop.auth'],
  ],
  ['two desktops', { desktop: { replicas: 2 } }, ['desktop', 'replicas']],
  [
    'a session store in memory for two',
    { gateway: { replicas: 2 } },
    ['gateway.replicas', 'sessionStore.type'],
  ],
  [
    'a session store in a file for two',
    { gateway: { replicas: 2 }, sessionStore: { type: 'sqlite' } },
    ['gateway.replicas', 'sessionStore.type'],
  ],
  [
    'a session store that nobody knows',
    { sessionStore: { type: 'mysql' } },
    ['sessionStore', 'type'],
  ],
  [
    'redis at no address',
    { sessionStore: { type: 'redis' } },
    ['sessionStore.redis.url', 'sessionStore.redis.existingSecret'],
  ],
  [
    'no secrets, and none to be made up',
    { secrets: { generate: false } },
    ['secrets.generate', 'desktop.auth.existingSecret', 'gateway.session.existingSecret'],
  ],
  [
    'an admin token that can be guessed',
    { gateway: { adminApi: { enabled: true, token: 'x' } } },
    ['gateway.adminApi.token', '16'],
  ],
  [
    'a session secret that is too short',
    { gateway: { session: { secret: 'short' } } },
    ['gateway.session.secret', '32'],
  ],
  ['an ingress without TLS', { ingress: { enabled: true } }, ['ingress.tls']],
  [
    'an ingress for another host alone',
    {
      ingress: {
        enabled: true,
        hosts: [{ host: 'other.example.com' }],
        tls: [{ secretName: 'tls', hosts: ['other.example.com'] }],
      },
    },
    ['ingress.hosts', 'gateway.publicUrl'],
  ],
  [
    'two ways to one certificate',
    {
      ingress: { enabled: true, certManager: { clusterIssuer: 'a' } },
      certificate: { enabled: true, issuerRef: { name: 'a' } },
    },
    ['certificate.enabled', 'ingress.certManager'],
  ],
  [
    'two issuers',
    { ingress: { enabled: true, certManager: { clusterIssuer: 'a', issuer: 'b' } } },
    ['ingress.certManager'],
  ],
  [
    'a certificate of nobody',
    { ingress: { enabled: true, ...TLS }, certificate: { enabled: true } },
    ['certificate.issuerRef.name'],
  ],
  [
    'a controller that nobody knows',
    { ingress: { enabled: true, controller: 'apache', ...TLS } },
    ['controller'],
  ],
  ['a route on no Gateway', { httpRoute: { enabled: true } }, ['httpRoute.parentRefs']],
  [
    'TLS to a gateway that speaks none',
    { backendTLSPolicy: { enabled: true } },
    ['backendTLSPolicy', 'gateway.tls.existingSecret'],
  ],
  [
    'TLS of the desktop without a certificate',
    { desktop: { tls: { mode: 'secret' } } },
    ['desktop.tls.existingSecret'],
  ],
  ['an `off` without quotes', { desktop: { tls: { mode: false } } }, ['desktop', 'mode']],
  ['a mesh without a name', { serviceMesh: { enabled: true } }, ['serviceMesh.name']],
  [
    'a mesh that nobody knows',
    { serviceMesh: { enabled: true, name: 'consul' } },
    ['serviceMesh', 'name'],
  ],
  [
    'a level that Pod Security does not have',
    { podSecurityStandards: { enforce: 'strict' } },
    ['podSecurityStandards', 'enforce'],
  ],
  [
    'policies that let everybody to the desktop',
    { networkPolicy: { policyTypes: ['Egress'] } },
    ['networkPolicy', 'policyTypes'],
  ],
  [
    'a front door for nobody in particular',
    { networkPolicy: { ingress: [{ ports: [{ port: 80 }] }] } },
    ['networkPolicy', 'ingress', 'from'],
  ],
  ['a backup to nowhere', { backup: { enabled: true } }, ['backup.destination']],
  [
    'a backup into the pod',
    { backup: { enabled: true, destination: '/var/backups' } },
    ['backup.destination', '/var/backups', 'backup.existingClaim'],
  ],
  [
    'a backup to no claim',
    { backup: { enabled: true, destination: '/backup/desk' } },
    ['backup.existingClaim', '/backup/desk'],
  ],
  [
    'a backup by programs that the image does not have, with a password that the message does not show',
    { backup: { enabled: true, destination: 'sftp://me:secret-word@files.example.com/desk' } },
    ['backup.destination', 'sftp://…@files.example.com', 'backup.credentialsSecret'],
  ],
  [
    'a claim for a backup that goes elsewhere',
    {
      backup: {
        enabled: true,
        destination: 's3:https://s3.example.com/desk',
        existingClaim: 'backups',
      },
    },
    ['backup.existingClaim', '/backup'],
  ],
  [
    'a backup beside the data',
    {
      persistence: { existingClaim: 'home' },
      backup: { enabled: true, destination: '/backup', existingClaim: 'home' },
    },
    ['backup.existingClaim', 'lost with it'],
  ],
  [
    'a backup of nothing that lasts',
    {
      persistence: { enabled: false },
      backup: { enabled: true, destination: 's3:https://s3.example.com/desk' },
    },
    ['backup.enabled', 'persistence.enabled'],
  ],
  [
    'a backup of a claim that only one pod may mount',
    {
      persistence: { accessModes: ['ReadWriteOncePod'] },
      backup: { enabled: true, destination: 's3:https://s3.example.com/desk' },
    },
    ['backup.enabled', 'ReadWriteOncePod'],
  ],
  [
    'two passwords of the backup',
    {
      backup: {
        enabled: true,
        destination: 's3:https://s3.example.com/desk',
        password: LONG,
        passwordSecret: 'a',
      },
    },
    ['backup.password', 'backup.passwordSecret'],
  ],
  [
    'a password of the backup that can be guessed',
    { backup: { enabled: true, destination: 's3:https://s3.example.com/desk', password: 'x' } },
    ['backup.password', '12'],
  ],
  [
    'a backup without a password, and none to be made up',
    {
      secrets: { generate: false },
      backup: { enabled: true, destination: 's3:https://s3.example.com/desk' },
    },
    ['backup.passwordSecret', 'secrets.generate'],
  ],
  [
    'a backup that is described and not switched on',
    { backup: { destination: 's3:https://s3.example.com/desk' } },
    ['backup.enabled'],
  ],
  ['a schedule in words', { backup: { schedule: 'every night' } }, ['/backup/schedule']],
  ['a backup for no day', { backup: { retention: 0 } }, ['/backup/retention']],
  ['a check of more than there is', { backup: { verify: { readData: '200%' } } }, ['readData']],
  [
    'a snapshot of nothing, by nobody',
    {
      persistence: { enabled: false },
      rbac: { create: false },
      volumeSnapshot: { enabled: true },
    },
    [
      'volumeSnapshot.enabled: needs persistence.enabled',
      'volumeSnapshot.enabled: needs rbac.create',
    ],
  ],
  ['no snapshot to keep', { volumeSnapshot: { retain: 0 } }, ['/volumeSnapshot/retain']],
  [
    'a snapshot to restore into a claim that is there',
    { persistence: { existingClaim: 'old', restoreFrom: 'snapshot' } },
    ['persistence.restoreFrom', 'persistence.existingClaim'],
  ],
  [
    'an interval in words',
    { servicemonitor: { enabled: true, interval: 'often' } },
    ['servicemonitor', 'interval'],
  ],
  [
    'an alert that does not exist',
    { prometheusrule: { disabled: ['GhostwireDown'] } },
    ['prometheusrule', 'disabled'],
  ],
  ['a size that is none', { persistence: { size: '10 GB' } }, ['persistence', 'size']],
  [
    'two listeners on one port',
    { gateway: { ports: { http: 8080, admin: 8080 } } },
    ['gateway.ports'],
  ],
  ['a name that DNS does not know', { nameOverride: 'my_desk' }, ['nameOverride']],
  ['a whole name that DNS does not know', { fullnameOverride: 'my desk' }, ['fullnameOverride']],
  ['a digest that is none', { gateway: { image: { digest: 'latest' } } }, ['digest']],
  ['accounts of nobody', { serviceAccount: { create: false } }, ['serviceAccount.name']],
  [
    'a tenant of everybody’s',
    { oauth2proxy: { issuer: 'https://login.microsoftonline.com/organizations/v2.0' } },
    ['oauth2proxy.issuer', 'one tenant'],
  ],
  [
    'people who may only watch, as nobody in particular',
    { oauth2proxy: { viewers: { groups: ['a'] } }, desktop: { auth: { viewerUsername: '' } } },
    ['desktop.auth.viewerUsername'],
  ],
  [
    'a client that proves itself by a key it does not have',
    { oauth2proxy: { clientAuth: 'private_key_jwt' } },
    ['oauth2proxy.privateKeySecret'],
  ],
  [
    'a client that proves itself by a secret it does not have',
    { oauth2proxy: { clientAuth: 'client_secret_post' } },
    ['oauth2proxy.existingSecret'],
  ],
  [
    'a client that proves itself by nothing, with a secret',
    { oauth2proxy: { clientAuth: 'none', clientSecret: 'x' } },
    ['oauth2proxy.clientAuth'],
  ],
  [
    'a secret in two places',
    {
      oauth2proxy: { clientSecret: 'x', existingSecret: 'a' },
      desktop: { auth: { password: 'correct-horse', existingSecret: 'a' } },
      gateway: { session: { secret: LONG, existingSecret: 'a' } },
    },
    ['oauth2proxy.clientSecret', 'desktop.auth.password', 'gateway.session.secret'],
  ],
  [
    'an oauth2-proxy of one’s own that nobody asks',
    { oauth2proxy: { enabled: false, external: { enabled: true } } },
    ['ingress.enabled', 'networkPolicy.ingress'],
  ],
  [
    'an oauth2-proxy of one’s own at no address',
    {
      oauth2proxy: { enabled: false, external: { enabled: true } },
      ingress: { enabled: true, controller: 'ingress-nginx', ...TLS },
    },
    ['oauth2proxy.external.authUrl', 'oauth2proxy.external.signInUrl', 'networkPolicy.ingress'],
  ],
  [
    'an oauth2-proxy of one’s own that the controller cannot ask',
    {
      oauth2proxy: { enabled: false, external: { enabled: true } },
      ingress: { enabled: true, controller: 'haproxy', ...TLS },
      servicemonitor: { enabled: true },
      prometheusrule: { enabled: true },
      grafana: { dashboards: { enabled: true } },
    },
    [
      'ingress.controller',
      'servicemonitor.enabled',
      'prometheusrule.enabled',
      'grafana.dashboards.enabled',
    ],
  ],
  [
    'a setting of the gateway in its environment',
    { gateway: { env: { GATEWAY_ALLOW_ANYONE: 'true' } } },
    ['gateway.env.GATEWAY_ALLOW_ANYONE', 'gateway.config'],
  ],
  [
    'a desktop without a password',
    { desktop: { vncOptions: '-FrameRate=30 -disableBasicAuth' } },
    ['desktop.vncOptions', 'Basic auth'],
  ],
  [
    'options for a shell',
    { desktop: { vncOptions: '-FrameRate=30; rm -rf ~' } },
    ['desktop', 'vncOptions'],
  ],
  [
    'ports that are there twice',
    { desktop: { extraPorts: [{ name: 'audio', port: 6901 }] } },
    ['desktop.extraPorts', '6901'],
  ],
  [
    'volumes that are there twice',
    { desktop: { extraVolumes: [{ name: 'home', emptyDir: {} }] } },
    ['desktop.extraVolumes', 'home'],
  ],
  [
    'a store that is not used',
    { sessionStore: { redis: { url: 'redis://redis' } } },
    ['sessionStore.redis.url', 'sessionStore.type'],
  ],
  [
    'a budget that no node could drain with',
    { podDisruptionBudget: { enabled: true, minAvailable: 1 } },
    ['podDisruptionBudget.minAvailable'],
  ],
  [
    'TLS from two places',
    { ingress: { enabled: true, tlsElsewhere: true, ...TLS } },
    ['ingress.tlsElsewhere'],
  ],
  [
    'two ways to one certificate, one of them an annotation',
    {
      ingress: {
        enabled: true,
        annotations: { 'cert-manager.io/cluster-issuer': 'a' },
      },
      certificate: { enabled: true, issuerRef: { name: 'a' } },
    },
    ['certificate.enabled', 'ingress.annotations'],
  ],
  [
    'a route for another host alone',
    { httpRoute: { enabled: true, parentRefs: [{ name: 'a' }], hostnames: ['other.example.com'] } },
    ['httpRoute.hostnames', 'gateway.publicUrl'],
  ],
  [
    'plain HTTP to a TLS port',
    {
      httpRoute: { enabled: true, parentRefs: [{ name: 'a' }] },
      gateway: { tls: { existingSecret: 'a' } },
    },
    ['backendTLSPolicy.enabled'],
  ],
  [
    'a load balancer in plain HTTP',
    { gateway: { service: { type: 'LoadBalancer' } } },
    ['gateway.tls.existingSecret'],
  ],
  [
    'a certificate for a desktop that speaks plain',
    { desktop: { tls: { existingSecret: 'a' } } },
    ['desktop.tls.existingSecret', 'desktop.tls.mode'],
  ],
  [
    'private networks, and with them the cluster',
    { networkPolicy: { allow: { privateNetworks: true } } },
    ['networkPolicy.clusterCIDRs'],
  ],
  [
    'a mesh’s port open to everybody',
    { serviceMesh: { enabled: true, name: 'linkerd' } },
    ['networkPolicy.ingress', 'linkerd'],
  ],
  [
    'restrictions that are switched off',
    { networkPolicy: { enabled: false, clusterCIDRs: ['198.51.100.0/24'] } },
    ['networkPolicy.clusterCIDRs', 'networkPolicy.enabled'],
  ],
  [
    'a claim that is not used',
    { persistence: { enabled: false, existingClaim: 'a' } },
    ['persistence.existingClaim'],
  ],
  [
    'rights without a role',
    { rbac: { create: false, rules: [{ verbs: ['get'] }] }, podSecurityStandards: { label: true } },
    ['rbac.rules', 'podSecurityStandards.label'],
  ],
]

describe('added to the baseline values', () => {
  it.each(BAD)('%s', async (_, set, says) => {
    const { code, stdout, stderr } = await template({ values: [MINIMAL], set })
    expect(code, stdout).not.toBe(0)
    expect(stdout).toBe('')
    for (const words of says) expect(stderr).toContain(words)
    // A message, and not the position where a template failed.
    expect(stderr).not.toMatch(
      /nil pointer|wrong type for value|error calling (?:index|include: template: [^\n]*: error calling (?!fail|include))/,
    )
  })
})
