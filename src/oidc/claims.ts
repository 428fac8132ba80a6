// Who somebody is by what the provider says: the ID token first, userinfo for what the rules need and it lacks.

import * as oidc from 'openid-client'
import type { Settings } from '../config/config.ts'
import { claimsNamedBy, needsOf } from '../policy/policy.ts'
import type { Identity } from '../session/session.ts'
import { addUserinfo, claimAt, toIdentity, type Claims } from './identity.ts'

/** `known` are claims that need no asking, `sub` and `iss` among them. Rejects when userinfo is asked and fails. */
export async function identify(
  settings: Settings,
  configuration: oidc.Configuration,
  known: Claims & { readonly sub: string },
  accessToken: string,
): Promise<Identity> {
  const { access, oidc: wanted } = settings
  const options = {
    groupsClaim: wanted.groupsClaim,
    emailVerified: wanted.emailVerified,
    claimNames: claimsNamedBy(access),
  }
  const isMissing = (name: string): boolean => claimAt(known, name) === undefined
  const needed = needsOf(access)
  const ask =
    (needed.groups && isMissing(wanted.groupsClaim)) ||
    (needed.email &&
      (isMissing('email') ||
        (wanted.emailVerified === 'required' && isMissing('email_verified')))) ||
    // Asked for by the scope, shown on pages and named in the audit.
    (wanted.scopes.split(' ').includes('email') && isMissing('email')) ||
    [...options.claimNames].some(isMissing)

  if (!ask || configuration.serverMetadata().userinfo_endpoint === undefined) {
    return toIdentity(known, options)
  }
  // The expected subject stops a token of somebody else from naming this person (Core 5.3.2).
  const userinfo = await oidc.fetchUserInfo(configuration, accessToken, known.sub)
  return toIdentity(addUserinfo(known, userinfo, options), options)
}
