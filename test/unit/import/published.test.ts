// Configurations in the shapes that people publish: `published/` has them, with secrets that begin with FAKE.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

import { importOauth2Proxy, type Outcome } from '../../../src/import/import-oauth2-proxy.ts'
import { problemsOf } from './importing.ts'

const folder = join(import.meta.dirname, 'published')

const run = (...names: readonly string[]): Outcome =>
  importOauth2Proxy(names.map((name) => join(folder, name)))

interface Published {
  readonly files: readonly string[]
  readonly exitCode: 0 | 2
  /** Parts of the settings. */
  readonly settings: object
  /** The options of the report that were not carried over. */
  readonly lost: readonly string[]
}

const PUBLISHED: Readonly<Record<string, Published>> = {
  'OpenID Connect behind an ingress, as arguments of a container': {
    files: ['01-kubernetes-oidc.flags'],
    exitCode: 0,
    settings: {
      publicUrl: 'https://desk.example.com',
      listen: '0.0.0.0:4180',
      trustedProxies: ['10.42.0.0/16'],
      oidc: { issuer: 'https://login.example.com/oidc', label: 'Company login' },
      allowEmailDomains: ['example.com'],
      desktop: { url: 'http://desktop:6901' },
    },
    lost: [],
  },
  'Keycloak with groups and roles': {
    files: ['02-keycloak.cfg'],
    exitCode: 0,
    settings: {
      oidc: { preset: 'keycloak', issuer: 'https://login.example.com/realms/staff' },
      access: [
        { match: { groups: ['/desktop-users'] }, role: 'control' },
        { match: { claims: { 'realm_access.roles': ['desk-admin'] } }, role: 'control' },
        { match: { claims: { 'resource_access.desk.roles': ['operator'] } }, role: 'control' },
      ],
      desktop: { url: 'https://desktop:6901', tls: { insecure: true } },
    },
    lost: [],
  },
  'one Google organisation, alpha configuration': {
    files: ['03-google-hd.cfg', '03-google-hd.yaml'],
    exitCode: 0,
    settings: {
      oidc: {
        preset: 'google',
        issuer: 'https://accounts.google.com',
        authorizationParams: { hd: 'example.com', prompt: 'select_account' },
      },
      allowEmailDomains: ['example.com', 'example.org'],
    },
    lost: [],
  },
  'Azure with groups, as environment': {
    files: ['04-azure.env'],
    exitCode: 0,
    settings: {
      oidc: {
        preset: 'entra',
        issuer: 'https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0',
      },
      allowGroups: ['aaaaaaaa-0000-0000-0000-000000000001', 'aaaaaaaa-0000-0000-0000-000000000002'],
    },
    lost: [],
  },
  'teams at GitHub, as one command line': {
    files: ['05-github-team.flags'],
    exitCode: 0,
    settings: {
      oidc: { preset: 'github', kind: 'oauth2', clientId: 'Iv1.example' },
      allowGroups: ['example:desk', 'example:ops'],
    },
    lost: ['--scope'],
  },
  'groups at GitLab, and a domain': {
    files: ['06-gitlab.cfg'],
    exitCode: 0,
    settings: {
      oidc: {
        preset: 'gitlab',
        issuer: 'https://git.example.com',
        clientSecretFile: '/etc/oauth2-proxy/client-secret',
      },
      access: [
        {
          match: { emailDomains: ['example.com'], groups: ['team/desk', 'ops'] },
          role: 'control',
        },
      ],
    },
    lost: [],
  },
  'sessions in Redis with sentinels': {
    files: ['07-redis.env'],
    exitCode: 0,
    settings: {
      oidc: { scopes: 'openid profile email groups' },
      session: { store: 'redis+sentinel://redis-0:26379,redis-1:26379/mymaster' },
    },
    lost: [],
  },
  'cookie options': {
    files: ['08-cookies.cfg'],
    exitCode: 0,
    settings: {
      session: { maxLifetime: '12h', revalidateEvery: '1h', store: 'memory' },
      allowAnyone: true,
      desktop: {
        url: 'http://desktop:6901',
        routes: [{ path: '/audio', url: 'http://desktop:4901', stripPrefix: false }],
      },
    },
    lost: ['cookie_name', 'cookie_domains', 'cookie_csrf_expire'],
  },
  'auth_request for several hosts, with whitelisted domains': {
    files: ['09-auth-request.flags'],
    exitCode: 2,
    settings: { publicUrl: 'https://auth.example.com', allowGroups: ['desk'] },
    lost: [
      '--skip-auth-route',
      '--htpasswd-file',
      '--tls-min-version',
      '--upstream',
      '--cookie-domain',
      '--whitelist-domain',
    ],
  },
  'alpha configuration in the values of the Helm chart': {
    files: ['10-alpha.cfg', '10-alpha.yaml'],
    exitCode: 0,
    settings: {
      listen: '[::]:4180',
      adminListen: '127.0.0.1:44180',
      oidc: { preset: 'entra', label: 'Example' },
      allowGroups: ['aaaaaaaa-0000-0000-0000-000000000001'],
      desktop: { url: 'https://desktop:6901', tls: { insecure: true } },
    },
    lost: ['injectRequestHeaders'],
  },
}

describe.each(Object.entries(PUBLISHED))('%s', (_, { files, exitCode, settings, lost }) => {
  const outcome = run(...files)
  const text = files.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n')

  it('becomes these settings', () => {
    expect(outcome.exitCode).toBe(exitCode)
    expect(parse(outcome.stdout)).toMatchObject(settings)
  })

  it('reports what was not carried over', () => {
    const [report = ''] = outcome.stderr.split('To do:\n')
    const names = [...report.matchAll(/^ {2}([^:]+): /gm)].map(([, name]) => name)
    expect(names.toSorted()).toEqual(lost.toSorted())
  })

  it('loads, except for what the report says is missing', () => {
    const missing =
      settings === PUBLISHED['auth_request for several hosts, with whitelisted domains']?.settings
    const expected = missing ? [expect.stringContaining('desktop.url')] : []
    expect(problemsOf(outcome.stdout)).toEqual(expected)
  })

  it('prints no secret', () => {
    if (!files.includes('06-gitlab.cfg')) expect(text).toContain('FAKE-')
    expect(outcome.stdout + outcome.stderr).not.toContain('FAKE')
  })
})
