// Client authentication at the provider's endpoints (RFC 6749 2.3, RFC 7523 2.2, OpenID Connect Core 9).

import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { importPKCS8 } from 'jose'
import * as oidc from 'openid-client'
import type { ClientAuth, ProviderSettings } from '../config/config.ts'
import { GatewayError } from '../lib/errors.ts'
import { signatureAlgorithms } from '../lib/signature-algorithm.ts'

export interface ClientAuthentication {
  readonly authenticate: oidc.ClientAuth
  /** The method for a provider that lists these methods; undefined: the provider lists none. */
  readonly method: (offered: readonly string[] | undefined) => ClientAuth
}

/** Rejects with `settings-invalid` when the private key cannot sign for any provider. */
export async function createClientAuthentication(
  wanted: ProviderSettings,
): Promise<ClientAuthentication> {
  const { clientSecret: secret, privateKeyFile, privateKeyId, federatedTokenFile } = wanted
  const signer =
    privateKeyFile === undefined ? undefined : await createSigner(privateKeyFile, privateKeyId)

  function method(offered: readonly string[] | undefined): ClientAuth {
    if (wanted.clientAuth !== undefined) return wanted.clientAuth
    if (signer !== undefined || federatedTokenFile !== undefined) return 'private_key_jwt'
    if (secret === undefined) return 'none'
    // RFC 8414 2: a provider that lists no methods supports client_secret_basic.
    const usable = offered ?? ['client_secret_basic']
    if (usable.includes('client_secret_basic') || !usable.includes('client_secret_post')) {
      return 'client_secret_basic'
    }
    return 'client_secret_post'
  }

  const basic: oidc.ClientAuth = (_server, client, _body, headers) =>
    headers.set('authorization', basicCredentials(client.client_id, secret ?? ''))
  const methods: Readonly<Record<ClientAuth, oidc.ClientAuth>> = {
    client_secret_basic: basic,
    client_secret_post: oidc.ClientSecretPost(secret),
    private_key_jwt: (server, client, body, headers) =>
      federatedTokenFile === undefined
        ? signer?.(server)(server, client, body, headers)
        : addFederatedToken(federatedTokenFile, client, body),
    none: oidc.None(),
  }
  return {
    authenticate: (server, client, body, headers) =>
      methods[method(server.token_endpoint_auth_methods_supported)](server, client, body, headers),
    method,
  }
}

/**
 * RFC 6749 2.3.1 form-encodes both parts. openid-client encodes more than forms do (`-` `_` `.` `~`), and providers that
 * do not decode (Gitea, LemonLDAP::NG, GitLab) then refuse every identifier with a hyphen. URLSearchParams encodes as
 * forms do and leaves `*-._` alone, so both kinds of provider read the same text.
 */
function basicCredentials(clientId: string, secret: string): string {
  const encode = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1)
  return `Basic ${Buffer.from(`${encode(clientId)}:${encode(secret)}`).toString('base64')}`
}

/**
 * The token of another issuer as client assertion (RFC 7523 2.2; Entra: workload identity federation). Kubernetes replaces the
 * file when the token is about to expire, so it is read each time. Throws `provider-refused` if it cannot be read.
 */
function addFederatedToken(file: string, client: oidc.ClientMetadata, body: URLSearchParams): void {
  body.set('client_id', client.client_id)
  body.set('client_assertion', readToken(file))
  body.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    const words = `oidc.federatedTokenFile: cannot read ${file}`
    throw new GatewayError('provider-refused', words, { cause })
  }
}

type Signer = (server: oidc.ServerMetadata) => oidc.ClientAuth

/** Signs assertions with the first of the key's algorithms that the provider lists (RFC 8414 2). */
async function createSigner(file: string, kid: string | undefined): Promise<Signer> {
  const text = readFileSync(file, 'utf8')
  const key = createPrivateKey(text)
  const thumbprint = thumbprintIn(text)
  const header = {
    ...(kid === undefined ? {} : { kid }),
    ...(thumbprint === undefined ? {} : { 'x5t#S256': thumbprint }),
  }
  const algorithms = signatureAlgorithms(key)
  const [usual] = algorithms
  if (usual === undefined) {
    throw new GatewayError(
      'settings-invalid',
      `oidc.privateKeyFile: no signature algorithm for this ${key.asymmetricKeyType ?? ''} key`,
    )
  }
  const pem = key.export({ type: 'pkcs8', format: 'pem' }) as string
  const signers = new Map(
    await Promise.all(
      algorithms.map(async (one) => [one, await assertionSignedBy(pem, one, header)] as const),
    ),
  )
  return ({ token_endpoint_auth_signing_alg_values_supported: listed }) =>
    signers.get(algorithms.find((one) => listed?.includes(one)) ?? usual) as oidc.ClientAuth
}

/** `x5t#S256` (RFC 7515 4.1.8) of the certificate beside the key. Entra finds the key by it. */
function thumbprintIn(pem: string): string | undefined {
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) return undefined
  const { raw } = new X509Certificate(pem.slice(pem.indexOf('-----BEGIN CERTIFICATE-----')))
  return createHash('sha256').update(raw).digest('base64url')
}

async function assertionSignedBy(
  pem: string,
  algorithm: string,
  more: Readonly<Record<string, string>>,
): Promise<oidc.ClientAuth> {
  const key = await importPKCS8(pem, algorithm)
  return oidc.PrivateKeyJwt(key, {
    // The library writes "Ed25519" (RFC 9864) for every Ed25519 key; older providers know that algorithm as "EdDSA".
    [oidc.modifyAssertion](header) {
      Object.assign(header, more)
      header['alg'] = algorithm
    },
  })
}
