// The configuration of the demo's OpenID Provider: authorization code flow with PKCE, PAR, rotating refresh tokens, RP-initiated and
// back-channel logout, and `groups` in the ID token. Consent is always given; all answers come from `people`.

import { generateKeyPair, randomBytes, randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { interactionPolicy } from 'oidc-provider'
import type { Account, Configuration, JWK, KoaContextWithOIDC } from 'oidc-provider'
import { createMemoryAdapter } from './memory-adapter.ts'
import type { Person } from '../people.ts'
import { errorPage, logoutPage, PAGE_HEADERS, signedOutPage } from './pages.ts'

const HOUR = 3600
const DAY = 24 * HOUR

/** `people` is read for every request, so that a test can change it while the provider runs. */
export async function createProviderConfiguration(
  people: readonly Person[],
): Promise<Configuration> {
  return {
    adapter: createMemoryAdapter(),
    jwks: { keys: [await createSigningKey()] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username', 'groups'],
      email: ['email', 'email_verified'],
      groups: ['groups'],
    },
    // Otherwise the ID token of the code flow contains only `sub`.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    ttl: {
      AccessToken: HOUR,
      AuthorizationCode: 60,
      Grant: DAY,
      IdToken: HOUR,
      Interaction: HOUR,
      RefreshToken: DAY,
      Session: DAY,
    },
    interactions: {
      url: (_ctx, interaction) => `/login/${interaction.uid}`,
      policy: promptsWithAccountChoice(),
    },
    findAccount: (_ctx, sub) => accountOf(people.find((person) => person.username === sub)),
    loadExistingGrant: grantWhatIsAsked,
    features: {
      devInteractions: { enabled: false },
      pushedAuthorizationRequests: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => showPage(ctx, logoutPage(form)),
        postLogoutSuccessSource: (ctx) => showPage(ctx, signedOutPage()),
      },
    },
    renderError: (ctx, out) => showPage(ctx, errorPage(out.error_description ?? out.error)),
    clientBasedCORS: () => false,
    // The library's own dispatcher refuses loopback addresses, so it could not send logout tokens to a gateway on this machine.
    fetch: (url, options) => fetch(url, withoutDispatcher(options)),
  }
}

// `prompt=select_account`, which the library does not support: our form always asks for an account.
function promptsWithAccountChoice(): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base()
  policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }), 0)
  return policy
}

// Only our own pages get our headers: the library has a self-submitting one, which needs its script.
function showPage(ctx: KoaContextWithOIDC, page: string): void {
  ctx.set(PAGE_HEADERS)
  ctx.type = 'html'
  ctx.body = page
}

function withoutDispatcher(options?: RequestInit): RequestInit {
  const plain: RequestInit & { dispatcher?: unknown } = { ...options }
  delete plain.dispatcher
  return plain
}

async function createSigningKey(): Promise<JWK> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg: 'RS256', use: 'sig' }
}

function accountOf(person: Person | undefined): Account | undefined {
  if (person === undefined) return undefined
  return {
    accountId: person.username,
    claims: () => ({
      sub: person.username,
      name: person.name,
      preferred_username: person.username,
      email: person.email,
      email_verified: person.emailVerified,
      groups: person.groups,
    }),
  }
}

async function grantWhatIsAsked(ctx: KoaContextWithOIDC) {
  const { client, account, session, params, provider } = ctx.oidc
  if (client === undefined || account === undefined) return undefined
  const grantId = session?.grantIdFor(client.clientId)
  const grant =
    (grantId === undefined ? undefined : await provider.Grant.find(grantId)) ??
    new provider.Grant({ clientId: client.clientId, accountId: account.accountId })
  grant.addOIDCScope((params?.['scope'] ?? '') as string)
  await grant.save()
  return grant
}
