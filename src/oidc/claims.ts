// Collects the claims about a person: from the ID token, and from userinfo what the rules need and the ID token lacks.

import * as oidc from 'openid-client'
import type { Settings } from '../config/config.ts'
import { claimsNamedBy, needsOf } from '../policy/policy.ts'
import type { Identity } from '../session/session.ts'
import { addUserinfo, claimAt, toIdentity, type Claims } from './identity.ts'
import { askGraphForGroups } from './graph-groups.ts'
import { verifySignature } from './provider-keys.ts'
import type { RelyingParty } from './relying-party.ts'

/**
 * `known` are the claims at hand, `sub` and `iss` among them. Asks userinfo for what they lack. Rejects when userinfo fails
 * and a rule needs it; without such a rule the known claims are enough.
 */
export async function identify(
  settings: Settings,
  relyingParty: RelyingParty,
  known: Claims & { readonly sub: string },
  accessToken: string,
): Promise<Identity> {
  const { access } = settings
  const { provider: wanted } = relyingParty
  const options = {
    provider: wanted.name,
    groupsClaim: wanted.groupsClaim,
    groupsSeparator: wanted.groupsSeparator,
    emailVerified: wanted.emailVerified,
    claimNames: claimsNamedBy(access),
  }
  const isMissing = (name: string): boolean => claimAt(known, name) === undefined
  const needed = needsOf(access)
  const isNeededByRules =
    (needed.groups && isMissing(wanted.groupsClaim)) ||
    (needed.email &&
      (isMissing('email') ||
        (wanted.emailVerified === 'required' && isMissing('email_verified')))) ||
    [...options.claimNames].some(isMissing)
  // Pages and audit show the address.
  const isAddressWanted = wanted.scopes.split(' ').includes('email') && isMissing('email')

  if (
    !(isNeededByRules || isAddressWanted) ||
    relyingParty.configuration?.serverMetadata().userinfo_endpoint === undefined
  ) {
    return withGroups(known)
  }
  // The expected subject prevents that an answer about somebody else counts for this person (Core 5.3.2).
  let userinfo: Claims
  try {
    userinfo = await askUserinfo(relyingParty, accessToken, known.sub)
  } catch (error) {
    if (isNeededByRules) throw error
    return withGroups(known)
  }
  return withGroups(addUserinfo(known, userinfo, options))

  /** The identity by these claims, with the groups that Entra leaves out of its tokens. */
  async function withGroups(claims: Claims): Promise<Identity> {
    const identity = toIdentity(claims, options)
    const { groupsFromGraph } = wanted
    if (identity.areGroupsOmitted !== true || !needed.groups || groupsFromGraph === undefined) {
      return identity
    }
    const groups = await askGraphForGroups(relyingParty, groupsFromGraph, accessToken)
    return { ...identity, groups, areGroupsOmitted: false }
  }
}

/** OpenID Connect Core 5.3; the answer is JSON, or a JWT that the provider signed (5.3.2). */
async function askUserinfo(
  relyingParty: RelyingParty,
  accessToken: string,
  subject: string,
): Promise<Claims> {
  const configuration = relyingParty.configuration as oidc.Configuration
  let answer = ''
  const claims = await relyingParty.captureBody(
    () => oidc.fetchUserInfo(configuration, accessToken, subject),
    (body) => (answer = body),
  )
  if (!answer.trimStart().startsWith('{')) {
    const { userinfo_signing_alg_values_supported: listed } = configuration.serverMetadata()
    await verifySignature(relyingParty.keys, answer, listed)
  }
  return claims
}
