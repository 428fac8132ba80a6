// Whether the provider accepts the client's credentials: redeems a code that cannot be good. `invalid_grant` means that only the
// code was refused (RFC 6749 5.2), because the client is authenticated first (RFC 6749 3.2.1).

import { randomBytes } from 'node:crypto'
import * as oidc from 'openid-client'
import type { ClientAuth, ProviderSettings } from '../../config/config.ts'
import { printable } from '../../lib/printable.ts'
import { createClientAuthentication } from '../../oidc/client-auth.ts'
import { DEADLINE_S } from '../../oidc/provider-http.ts'
import type { Findings } from '../finding.ts'
import { networkFailure } from '../network-failure.ts'

const MAX_TEXT = 300
const METHODS: readonly ClientAuth[] = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'none',
]

export interface CredentialsParts {
  readonly publicUrl: URL
  readonly fetch: oidc.CustomFetch
  readonly findings: Findings
}

export async function checkClientCredentials(
  metadata: oidc.ServerMetadata,
  provider: ProviderSettings,
  { publicUrl, fetch, findings }: CredentialsParts,
): Promise<void> {
  const listed = metadata.token_endpoint_auth_methods_supported
  const present = async (wanted: ProviderSettings): Promise<Presented> => {
    const { authenticate } = await createClientAuthentication(wanted)
    const client = { metadata, authenticate, fetch }
    return redeem(client, provider, new URL(provider.callbackPath, publicUrl))
  }
  const method = (await createClientAuthentication(provider)).method(listed)
  const client = `client ${printable(provider.clientId, MAX_TEXT)}`
  const presented = await present(provider)
  switch (presented.outcome) {
    case 'accepted':
      findings.ok('client-auth', `The provider accepts the ${client} with ${method}.`)
      return
    case 'unclear':
      findings.warn(
        'client-auth',
        `The token endpoint answers a wrong code with ${presented.words}; expected invalid_grant, which would show that it accepts the credentials. Sign in once to see.`,
      )
      return
    case 'unreachable':
      findings.fail(
        'client-auth',
        `The token endpoint ${metadata.token_endpoint} gives no answer: ${presented.words}.`,
      )
      return
    case 'refused':
      break
  }
  for (const other of METHODS.filter((one) => one !== method && isPossible(one, provider))) {
    // One after the other: a provider may count failures.
    // oxlint-disable-next-line no-await-in-loop
    const again = await present({ ...provider, clientAuth: other })
    if (again.outcome !== 'accepted') continue
    findings.fail(
      'client-auth',
      `The provider refuses the ${client} with ${method} (${presented.words}) and accepts it with ${other}. Set oidc.clientAuth to ${other}, or change the method at the provider.`,
    )
    return
  }
  findings.fail(
    'client-auth',
    `The provider refuses the ${client} with ${method} (${presented.words}), and with every other method. Check oidc.clientId and ${CREDENTIAL[method]}.`,
  )
}

const CREDENTIAL: Readonly<Record<ClientAuth, string>> = {
  client_secret_basic: 'oidc.clientSecret',
  client_secret_post: 'oidc.clientSecret',
  private_key_jwt:
    'oidc.privateKeyFile or oidc.federatedTokenFile, and the public key or the trust at the provider',
  none: 'whether the client has a secret at the provider',
}

function isPossible(method: ClientAuth, provider: ProviderSettings): boolean {
  const { clientSecret, privateKeyFile, federatedTokenFile } = provider
  if (method === 'none') return true
  if (method === 'private_key_jwt') return (privateKeyFile ?? federatedTokenFile) !== undefined
  return clientSecret !== undefined
}

interface Presented {
  readonly outcome: 'accepted' | 'refused' | 'unclear' | 'unreachable'
  readonly words: string
}

interface Client {
  readonly metadata: oidc.ServerMetadata
  readonly authenticate: oidc.ClientAuth
  readonly fetch: oidc.CustomFetch
}

async function redeem(
  { metadata, authenticate, fetch }: Client,
  { clientId }: ProviderSettings,
  redirectUri: URL,
): Promise<Presented> {
  const configuration = new oidc.Configuration(metadata, clientId, {}, authenticate)
  configuration.timeout = DEADLINE_S
  configuration[oidc.customFetch] = fetch
  if (metadata.token_endpoint?.startsWith('http:') === true) {
    oidc.allowInsecureRequests(configuration)
  }
  try {
    await oidc.genericGrantRequest(configuration, 'authorization_code', {
      code: `check-${randomBytes(16).toString('hex')}`,
      redirect_uri: redirectUri.href,
      code_verifier: randomBytes(32).toString('base64url'),
    })
    return { outcome: 'unclear', words: 'a token' }
  } catch (error) {
    return judge(error)
  }
}

/** Keycloak says `unauthorized_client` for a wrong secret. */
const REFUSALS: readonly string[] = ['invalid_client', 'unauthorized_client']

function judge(error: unknown): Presented {
  if (error instanceof oidc.ResponseBodyError) {
    const { status, error: code, error_description: description = '' } = error
    const words = printable(description === '' ? code : `${code}: ${description}`, MAX_TEXT)
    if (code === 'invalid_grant') return { outcome: 'accepted', words }
    const isRefused = status === 401 || REFUSALS.includes(code)
    return { outcome: isRefused ? 'refused' : 'unclear', words }
  }
  if (error instanceof oidc.WWWAuthenticateChallengeError) {
    return { outcome: 'refused', words: `status ${error.status}` }
  }
  const { cause } = error as { cause?: unknown }
  if (cause instanceof Object && 'status' in cause) {
    return { outcome: 'unclear', words: `status ${String(cause.status)} and no error of OAuth` }
  }
  return { outcome: 'unreachable', words: networkFailure(error) }
}
