// Checks each provider, the providers against each other, and the rules against the providers.

import type { AccessRule, ClientAuth } from '../config.ts'
import { nameOfProvider, PRESETS, wordForEveryoneAt } from '../presets.ts'
import { nameOf, problem, type Problem } from '../read/problem.ts'
import type { WrittenSettings } from '../schema/written-settings.ts'

type Provider = WrittenSettings['oidc'][number]

export function checkProviders(
  written: WrittenSettings,
  rules: readonly AccessRule[],
): readonly Problem[] {
  const { oidc: providers } = written
  return [
    ...providers.flatMap(checkClientAuth),
    ...providers.flatMap(checkIssuerForm),
    ...providers.flatMap(checkKind),
    ...providers.flatMap((provider, index) => checkName(provider, providers.slice(0, index))),
    ...checkAnyone(written),
    ...rules.flatMap((rule) => checkRule(rule, providers)),
  ]
}

const CREDENTIALS = ['clientSecret', 'privateKeyFile', 'federatedTokenFile'] as const

/** One of these is enough. The first one is named in a problem. */
const NEEDED_FOR: Readonly<Record<ClientAuth, readonly (typeof CREDENTIALS)[number][]>> = {
  client_secret_basic: ['clientSecret'],
  client_secret_post: ['clientSecret'],
  private_key_jwt: ['privateKeyFile', 'federatedTokenFile'],
  none: [],
}

function checkClientAuth(provider: Provider): readonly Problem[] {
  const { path, clientAuth } = provider
  if (provider.privateKeyFile !== undefined && provider.federatedTokenFile !== undefined) {
    const words = `must not be given together with ${nameOf(`${path}.privateKeyFile`)}; keep one of the two`
    return [problem([`${path}.federatedTokenFile`, `${path}.privateKeyFile`], words)]
  }
  if (clientAuth === undefined) return []
  const [needed, ...others] = NEEDED_FOR[clientAuth]
  const hasOne = [needed, ...others].some((key) => key !== undefined && provider[key] !== undefined)
  if (needed !== undefined && !hasOne) {
    const words = `${clientAuth} needs ${nameOf(`${path}.${needed}`)}; set it or choose another method`
    return [problem([`${path}.clientAuth`, `${path}.${needed}`], words)]
  }
  const unused = CREDENTIALS.filter((key) => provider[key] !== undefined)
  if (clientAuth !== 'none') return []
  return unused.map((key) => {
    const words = `none does not use ${nameOf(`${path}.${key}`)}; remove it or choose another method`
    return problem([`${path}.clientAuth`, `${path}.${key}`], words)
  })
}

function checkIssuerForm({ path, preset, issuer }: Provider): readonly Problem[] {
  const form = preset === undefined ? undefined : PRESETS[preset].issuerForm
  if (form === undefined || issuer === undefined || form.pattern.test(issuer.href)) return []
  const words = `must be an issuer of ${preset}, ${form.words}; without ${nameOf(`${path}.preset`)} every issuer is accepted`
  return [problem([`${path}.issuer`, `${path}.preset`], `${words}; got ${issuer.href}`)]
}

function checkKind({ path, kind, scopes, endpoints }: Provider): readonly Problem[] {
  if (kind === 'oidc') {
    // Without `openid` the request is not OpenID Connect (Core 1.0 3.1.2.1).
    if (scopes.split(' ').includes('openid')) return []
    const words = `must contain openid; separate scopes by spaces; got ${JSON.stringify(scopes)}`
    return [problem(`${path}.scopes`, words)]
  }
  return (['authorization', 'token', 'userinfo'] as const)
    .filter((key) => endpoints[key] === undefined)
    .map((key) =>
      problem(
        [`${path}.endpoints.${key}`, `${path}.kind`],
        `must be set: a provider of kind oauth2 has no discovery document`,
      ),
    )
}

/** Without an ID token nothing proves that somebody has signed in anew (`auth_time`), so `idleReauth` would be empty. */
export function checkReauthentication(
  { oidc, session }: WrittenSettings,
  isGiven: boolean,
): readonly Problem[] {
  const provider = oidc.find(({ kind }) => kind === 'oauth2')
  if (provider === undefined || !isGiven || !session.idleReauth) return []
  const words = `cannot be enforced for ${nameOfProvider(provider)}, a provider of kind oauth2; set it to false`
  return [problem(['session.idleReauth', `${provider.path}.kind`], words)]
}

function checkName(provider: Provider, earlier: readonly Provider[]): readonly Problem[] {
  const name = nameOfProvider(provider)
  if (!earlier.some((other) => nameOfProvider(other) === name)) return []
  const words = `must be set: another provider in the list is called ${name} too`
  return [problem(`${provider.path}.name`, words)]
}

/** A person needs an account only, and anybody can open one. */
function checkAnyone({ allowAnyone, oidc }: WrittenSettings): readonly Problem[] {
  if (allowAnyone === false) return []
  const given = allowAnyone === true ? [] : allowAnyone
  const needed = oidc.flatMap((provider) => wordForEveryoneAt(provider) ?? [])
  const missing = needed.filter((word) => !given.includes(word))
  const unneeded = given.filter((word) => !needed.includes(word))
  if (missing.length > 0) {
    const words = `lets in everybody who can open an account at the provider; if you mean that, set it to ${needed.join(',')}; else name groups, e-mail addresses or domains`
    return [problem('allowAnyone', words)]
  }
  if (unneeded.length === 0) return []
  const words = `${unneeded.join(',')} belongs to no provider of these settings; write true`
  return [problem('allowAnyone', words)]
}

function checkRule(
  { id, match, require: needed }: AccessRule,
  providers: readonly Provider[],
): readonly Problem[] {
  if (match === undefined) return []
  const names = providers.map(nameOfProvider)
  const place = id.startsWith('access[') ? `${id}.match` : id
  const unknown = match.provider.filter((name) => !names.includes(name))
  if (unknown.length > 0) {
    const words = `${unknown.join(', ')} is no provider; there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`
    return [problem([`${place}.provider`, 'oidc'], words)]
  }
  const meant = providers.filter(
    (provider) => match.provider.length === 0 || match.provider.includes(nameOfProvider(provider)),
  )
  if (needed !== undefined && meant.length > 0 && meant.every(({ kind }) => kind === 'oauth2')) {
    const words = `cannot be met at ${meant.map(nameOfProvider).join(', ')}: a provider of kind oauth2 does not tell how people sign in`
    return [problem(`${id}.require`, words)]
  }
  const isAnyoneThere =
    [match.groups, match.emails, match.emailDomains, Object.keys(match.claims)].every(
      (part) => part.length === 0,
    ) && match.provider.length > 0
  const open = meant.find((provider) => wordForEveryoneAt(provider) !== undefined)
  if (isAnyoneThere && open !== undefined) {
    const words = `lets in everybody who can open an account at ${nameOfProvider(open)}; add groups, emails, emailDomains or claims`
    return [problem(`${place}.provider`, words)]
  }
  const knowsGroups = meant.some(
    ({ preset, groupsClaim }) =>
      preset === undefined || PRESETS[preset].hasNoGroups !== true || groupsClaim !== 'groups',
  )
  if (match.groups.length > 0 && meant.length > 0 && !knowsGroups) {
    const words = `${meant.map(nameOfProvider).join(', ')} sends no groups, so nobody would match; use e-mail addresses or domains`
    return [problem(place === id ? id : `${place}.groups`, words)]
  }
  return []
}
