// Asks Microsoft Graph for the groups of a person who is in more of them than Entra puts into a token. The endpoint in
// `_claim_sources` belongs to the retired Azure AD Graph, so the request goes to Microsoft Graph
// (learn.microsoft.com/graph/api/directoryobject-getmemberobjects; needs the delegated permission User.Read).

import { GatewayError } from '../lib/errors.ts'
import type { RelyingParty } from './relying-party.ts'

const DEADLINE_MS = 10_000

/** Object ids, also of groups that contain the person's groups. Rejects with `provider-refused`, or on a network failure. */
export async function askGraphForGroups(
  { fetch }: Pick<RelyingParty, 'fetch'>,
  graph: URL,
  accessToken: string,
): Promise<readonly string[]> {
  const response = await fetch(new URL('/v1.0/me/getMemberObjects', graph).href, {
    method: 'POST',
    headers: {
      accept: 'application/json',
      authorization: `Bearer ${accessToken}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ securityEnabledOnly: false }),
    redirect: 'manual',
    signal: AbortSignal.timeout(DEADLINE_MS),
  })
  const answer: unknown = await response.json().catch(() => undefined)
  const { value, error } = (answer ?? {}) as { value?: unknown; error?: { code?: unknown } }
  if (!response.ok || !Array.isArray(value)) {
    const code = typeof error?.code === 'string' ? error.code.slice(0, 60) : 'no error code'
    throw new GatewayError(
      'provider-refused',
      `Microsoft Graph does not tell the groups (${response.status}, ${code}); grant the delegated permission User.Read to the application`,
    )
  }
  return value.filter((id) => typeof id === 'string')
}
