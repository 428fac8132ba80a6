// Who a person is at a provider without ID tokens: asked with the access token, at sign-in and at each re-validation.

import type { CustomFetch } from 'openid-client'
import type { ProviderSettings, Settings } from '../config/config.ts'
import { GatewayError } from '../lib/errors.ts'
import { isTree } from '../lib/tree.ts'
import { claimsNamedBy, needsOf } from '../policy/policy.ts'
import type { Identity } from '../session/session.ts'
import { askGithub } from './github.ts'
import { claimAt, toIdentity, type Claims, type IdentityOptions } from './identity.ts'

const DEADLINE_MS = 30_000

/** Rejects as `askGithub` does. */
export async function identifyByToken(
  { access }: Pick<Settings, 'access'>,
  provider: ProviderSettings,
  fetch: CustomFetch,
  accessToken: string,
): Promise<Identity> {
  const options: IdentityOptions = {
    provider: provider.name,
    groupsClaim: provider.groupsClaim,
    groupsSeparator: provider.groupsSeparator,
    emailVerified: provider.emailVerified,
    claimNames: claimsNamedBy(access),
  }
  const userUrl = provider.endpoints.userinfo as URL
  const iss = provider.issuer.href.replace(/\/$/, '')
  const identity =
    provider.preset === 'github'
      ? await asGithubPerson()
      : toIdentity(mapped(await askUserinfo(fetch, userUrl, accessToken)), options)
  // Without an identifier, different people would be one person.
  if (identity.sub === '') {
    throw new GatewayError(
      'provider-refused',
      `${userUrl.href} has no identifier of the person at oidc.claims.sub (${provider.claims.sub})`,
    )
  }
  return identity

  async function asGithubPerson(): Promise<Identity> {
    const needs = needsOf(access)
    const person = await askGithub(fetch, { userUrl, accessToken, needs })
    const { id, login, name } = person.user
    const claims: Claims = {
      ...person.user,
      iss,
      sub: identifier(id),
      name,
      preferred_username: login,
      email: person.email?.address,
      email_verified: person.email?.isVerified,
      [options.groupsClaim]: person.groups,
      sid: undefined,
    }
    return {
      ...toIdentity(claims, options),
      groupsOmitted: person.isSsoMissing ? 'sso' : undefined,
    }
  }

  function mapped(answer: Claims): Claims {
    const { sub, email, emailVerified, name, preferredUsername } = provider.claims
    return {
      ...answer,
      iss,
      sub: identifier(claimAt(answer, sub)),
      email: claimAt(answer, email),
      email_verified: claimAt(answer, emailVerified),
      name: claimAt(answer, name),
      preferred_username: claimAt(answer, preferredUsername),
      sid: undefined,
    }
  }
}

async function askUserinfo(fetch: CustomFetch, url: URL, accessToken: string): Promise<Claims> {
  const response = await fetch(url.href, {
    method: 'GET',
    headers: { accept: 'application/json', authorization: `Bearer ${accessToken}` },
    redirect: 'manual',
    body: undefined,
    signal: AbortSignal.timeout(DEADLINE_MS),
  })
  if (response.status === 401) {
    throw new GatewayError('token-refused', 'the access token is no longer valid')
  }
  if (response.status === 429 || response.status >= 500) {
    throw new GatewayError('provider-busy', `${url.href} answers ${response.status}`)
  }
  const body: unknown = await response.json().catch(() => undefined)
  if (!response.ok || !isTree(body)) {
    throw new GatewayError(
      'provider-refused',
      `${url.href} answers ${response.status} without a JSON object; check oidc.endpoints.userinfo and oidc.scopes`,
    )
  }
  return body
}

/** Many providers number people. */
function identifier(value: unknown): string {
  return typeof value === 'number' || typeof value === 'string' ? String(value) : ''
}
