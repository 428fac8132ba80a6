// Google's `hd`: the parameter of the authorization request only preselects an account, so the claim of the same name has to
// be checked (developers.google.com/identity/openid-connect, "hd").

import type { ProviderSettings } from '../config/config.ts'
import type { Claims } from './identity.ts'

/** False if `hd` is set and the ID token is not of that organisation. `*` is any organisation, but no private account. */
export function isOfHostedDomain(
  { authorizationParams }: Pick<ProviderSettings, 'authorizationParams'>,
  { hd }: Claims,
): boolean {
  const wanted = authorizationParams['hd']?.toLowerCase()
  if (wanted === undefined) return true
  if (typeof hd !== 'string' || hd === '') return false
  return wanted === '*' || hd.toLowerCase() === wanted
}
