// RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0): builds the address that ends the provider's session too.

import * as oidc from 'openid-client'
import type { SettingsHolder } from '../config/config.ts'
import type { Session, Vault } from '../session/session.ts'
import type { RelyingParty } from './relying-party.ts'

/** Ingress controllers buffer 4 to 8 kB of response headers, cookies included, and answer 502 beyond. */
const MAX_URL = 2_048

/**
 * `state` comes back with the browser and proves that the provider has finished this sign-out. Undefined if the provider has no
 * `end_session_endpoint` or has not been discovered yet.
 */
export function endSessionUrl(
  settings: SettingsHolder,
  relyingParty: RelyingParty,
  session: Session,
  vault: Vault | undefined,
  state: string,
): string | undefined {
  const { configuration } = relyingParty
  if (configuration?.serverMetadata().end_session_endpoint === undefined) return undefined
  const { publicUrl } = settings.current
  // Without a query: some providers append `?state=` to whatever is registered.
  const back = new URL('/oauth2/signed_out', publicUrl).href
  const build = (hint: Record<string, string>): string =>
    oidc.buildEndSessionUrl(configuration, { post_logout_redirect_uri: back, state, ...hint }).href

  if (vault?.idToken !== undefined) {
    const url = build({ id_token_hint: vault.idToken })
    if (url.length <= MAX_URL) return url
  }
  return build({ logout_hint: session.identity.email ?? session.identity.sub })
}
