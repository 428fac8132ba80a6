// Cleans the discovery document (OpenID Connect Discovery 1.0, 3): a field of the wrong JSON type, or an invalid address, counts
// as absent. The code that needs the field then reports it as missing.

import type { ProviderEndpoints } from '../config/config.ts'

const ENDPOINTS: readonly string[] = [
  'authorization_endpoint',
  'token_endpoint',
  'userinfo_endpoint',
  'jwks_uri',
  'end_session_endpoint',
  'pushed_authorization_request_endpoint',
]

const LISTS: readonly string[] = [
  'id_token_signing_alg_values_supported',
  'userinfo_signing_alg_values_supported',
  'token_endpoint_auth_methods_supported',
  'token_endpoint_auth_signing_alg_values_supported',
  'prompt_values_supported',
]

/** The fields of `document` that cannot be used. */
export function mistypedFields(
  document: Readonly<Record<string, unknown>>,
  protocols: readonly string[],
): readonly string[] {
  const isEndpoint = (value: unknown): boolean =>
    typeof value === 'string' && protocols.includes(URL.parse(value)?.protocol ?? '')
  // RFC 8414 3.2: a list without entries must be omitted.
  const isList = (value: unknown): boolean =>
    Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string')
  const wrong = (names: readonly string[], isRight: (value: unknown) => boolean): string[] =>
    names.filter((name) => document[name] !== undefined && !isRight(document[name]))
  return [...wrong(ENDPOINTS, isEndpoint), ...wrong(LISTS, isList)]
}

/** The fields that `oidc.endpoints` replaces. */
const REPLACED: Readonly<Record<Exclude<keyof ProviderEndpoints, 'discovery'>, string>> = {
  authorization: 'authorization_endpoint',
  token: 'token_endpoint',
  userinfo: 'userinfo_endpoint',
  jwks: 'jwks_uri',
  endSession: 'end_session_endpoint',
}

/** The same response without those fields, and with the operator's addresses. The library refuses a body that is no document. */
export async function cleanMetadata(
  response: Response,
  protocols: readonly string[],
  endpoints: ProviderEndpoints,
  onIgnored: (fields: readonly string[]) => void,
): Promise<Response> {
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => undefined)
  if (typeof body !== 'object' || body === null) return response
  const ignored = mistypedFields(body as Readonly<Record<string, unknown>>, protocols)
  const replaced = Object.entries(REPLACED).flatMap(([key, field]) => {
    const url = endpoints[key as keyof typeof REPLACED]
    return url === undefined ? [] : [[field, url.href] as const]
  })
  if (ignored.length === 0 && replaced.length === 0) return response
  if (ignored.length > 0) onIgnored(ignored)
  const kept = Object.entries(body).filter(([name]) => !ignored.includes(name))
  return Response.json(Object.fromEntries([...kept, ...replaced]), { status: response.status })
}
