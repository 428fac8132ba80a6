// Values that cannot work end in words that name the key, and never in half of a release.

import { describe, expect, it } from 'vitest'
import { MINIMAL, template } from './support/helm.ts'

it('asks for all that it needs when it is given nothing', async () => {
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
    'a provider that is none',
    { oauth2proxy: { provider: 'github' } },
    ['oauth2proxy.provider', 'GitHub'],
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
  ['a backup before it works', { backup: { enabled: true } }, ['backup.enabled']],
  ['a snapshot before it works', { volumeSnapshot: { enabled: true } }, ['volumeSnapshot.enabled']],
  [
    'an interval in words',
    { servicemonitor: { enabled: true, interval: 'often' } },
    ['servicemonitor', 'interval'],
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
]

describe('over the baseline', () => {
  it.each(BAD)('%s', async (_, set, says) => {
    const { code, stdout, stderr } = await template({ values: [MINIMAL], set })
    expect(code, stdout).not.toBe(0)
    expect(stdout).toBe('')
    for (const words of says) expect(stderr).toContain(words)
    // Words, and not where a template broke.
    expect(stderr).not.toMatch(
      /nil pointer|wrong type for value|error calling (?:index|include: template: [^\n]*: error calling (?!fail|include))/,
    )
  })
})
