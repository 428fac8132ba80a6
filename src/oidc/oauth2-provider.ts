// A provider that knows OAuth 2.0 (RFC 6749) but not OpenID Connect, such as GitHub. There is no ID token: the person is who the
// provider says the access token belongs to, and is asked about again with that token.

import * as oidc from 'openid-client'
import type { ProviderSettings } from '../config/config.ts'
import { codeOf } from '../lib/errors.ts'
import { isTree } from '../lib/tree.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { calculateChallenge } from './authorization-request.ts'
import { FOREIGN_PARAMETERS, type FinishLogin } from './callback.ts'
import { createClientAuthentication } from './client-auth.ts'
import { failureOf } from './failure.ts'
import { identifyByToken } from './oauth2-identity.ts'
import type { Provider, ProviderParts } from './provider.ts'
import { createProviderHttp, DEADLINE_S, refusesClient } from './provider-http.ts'
import type { Refresh } from './refresh.ts'
import { repeatAttempt } from './repeated-attempt.ts'

/** An access token that ends within this time is replaced first, if there is a refresh token. */
const RENEW_BEFORE_MS = 60_000

/** Rejects when the settings are wrong, never because the provider is down. */
export async function createOauth2Provider(
  provider: ProviderSettings,
  { settings, log, metrics, now }: ProviderParts & { readonly log: Log; readonly metrics: Metrics },
): Promise<Provider> {
  const { name, endpoints, authorizationParams, scopes, preset } = provider
  // The settings are complete: check-providers.ts.
  const [authorization, token] = [endpoints.authorization as URL, endpoints.token as URL]
  const { authenticate, method } = await createClientAuthentication(provider)
  const reach = repeatAttempt(
    async () => {
      const { status, body } = await http.fetch(authorization.href, {
        method: 'GET',
        headers: {},
        redirect: 'manual',
        body: undefined,
        signal: AbortSignal.timeout(DEADLINE_S * 1_000),
      })
      await body?.cancel()
      if (status >= 500) throw new Error(`the authorization endpoint answers ${status}`)
      isReady = true
    },
    (cause, retryMs) =>
      log.warn({ cause, provider: name, url: authorization.href, retryMs }, 'provider not reached'),
  )
  const http = createProviderHttp(provider, {
    metrics,
    operationOf: (url) =>
      url === token.href ? 'token' : url === authorization.href ? 'discovery' : 'userinfo',
    onDown: reach.soon,
  })
  let isReady = false
  let isClientRefused = false

  const configuration = new oidc.Configuration(
    {
      issuer: provider.issuer.href,
      authorization_endpoint: authorization.href,
      token_endpoint: token.href,
    },
    provider.clientId,
    {},
    authenticate,
  )
  configuration.timeout = DEADLINE_S
  configuration[oidc.customFetch] = async (url, options) => {
    const response = await asTokenResponse(await http.fetch(url, options))
    isClientRefused = await refusesClient(response)
    return response
  }
  if (token.protocol === 'http:') oidc.allowInsecureRequests(configuration)

  const finishLogin: FinishLogin = async (query, login) => {
    const response = new URL(provider.callbackPath, settings.current.publicUrl)
    response.search = query.toString()
    if (FOREIGN_PARAMETERS.some((one) => query.has(one))) {
      const cause = 'the authorization response is not one of the code flow'
      return { outcome: 'failed', failure: { kind: 'login-invalid', cause } }
    }
    try {
      const tokens = await oidc.authorizationCodeGrant(configuration, response, {
        expectedState: login.state,
        pkceCodeVerifier: login.codeVerifier,
      })
      const { access_token: accessToken, refresh_token: refreshToken } = tokens
      return {
        outcome: 'signed-in',
        identity: await identify(accessToken),
        vault: { idToken: undefined, refreshToken, accessToken },
        issuedAt: Math.floor(now() / 1_000),
        tokensExpireAt: expiryOf(tokens),
      }
    } catch (error) {
      return { outcome: 'failed', failure: failureOf(error) }
    }
  }

  const refresh: Refresh = async ({ tokensExpireAt }, vault) => {
    const { refreshToken } = vault
    let renewed = { vault, tokensExpireAt }
    const isEnding = tokensExpireAt !== undefined && tokensExpireAt - now() < RENEW_BEFORE_MS
    if (refreshToken !== undefined && (isEnding || vault.accessToken === undefined)) {
      try {
        const tokens = await oidc.refreshTokenGrant(configuration, refreshToken)
        renewed = {
          vault: {
            idToken: undefined,
            refreshToken: tokens.refresh_token ?? refreshToken,
            accessToken: tokens.access_token,
          },
          tokensExpireAt: expiryOf(tokens),
        }
      } catch (cause) {
        const isRefused = cause instanceof oidc.ResponseBodyError && cause.error === 'invalid_grant'
        return { outcome: isRefused ? 'refused' : 'unavailable', cause }
      }
    }
    try {
      const identity = await identify(renewed.vault.accessToken ?? '')
      return { outcome: 'refreshed', ...renewed, identity }
    } catch (cause) {
      // The person, or an owner of the organisation, has revoked the authorisation, or the account is gone.
      if (codeOf(cause) === 'token-refused') return { outcome: 'refused', cause }
      if (renewed.vault === vault) return { outcome: 'unavailable', cause }
      return { outcome: 'refreshed', ...renewed, identity: undefined, cause }
    }
  }

  const identify = (accessToken: string) =>
    identifyByToken(settings.current, provider, http.fetch, accessToken)

  function expiryOf(tokens: oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers) {
    const seconds = tokens.expiresIn()
    return seconds === undefined ? undefined : now() + seconds * 1_000
  }

  return {
    settings: provider,
    get isUp() {
      return isReady && http.isUp && !isClientRefused
    },
    get isReady() {
      return isReady
    },
    ready: reach.succeeded,
    // Nothing that it signs names it.
    issuer: undefined,
    clientAuth: method(undefined),
    start: reach.start,
    async stop() {
      reach.stop()
      await http.close()
    },
    async authorizationUrl({ login, prompt, redirectUri }) {
      return oidc.buildAuthorizationUrl(configuration, {
        ...authorizationParams,
        // GitHub knows this value of `prompt` alone. Other providers may refuse an unknown parameter.
        ...(preset === 'github' && prompt !== undefined ? { prompt: 'select_account' } : {}),
        redirect_uri: redirectUri,
        ...(scopes === '' ? {} : { scope: scopes }),
        state: login.state,
        code_challenge: await calculateChallenge(login.codeVerifier),
        code_challenge_method: 'S256',
      })
    },
    finishLogin,
    refresh,
    checkLogoutToken: async () => ({ outcome: 'invalid', problem: 'iss' }),
    endSessionUrl: () => undefined,
  }
}

/** GitHub's own words for errors of RFC 6749 5.2. */
const ERRORS: Readonly<Record<string, string>> = {
  bad_verification_code: 'invalid_grant',
  bad_refresh_token: 'invalid_grant',
  incorrect_client_credentials: 'invalid_client',
  redirect_uri_mismatch: 'invalid_request',
}

/**
 * A token response as the library expects it. GitHub answers errors with 200, where RFC 6749 5.2 wants 400. Gitea adds an ID
 * token that nobody asked for: it proves nothing here, and the library would refuse it.
 */
export async function asTokenResponse(response: Response): Promise<Response> {
  if (response.status !== 200) return response
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => undefined)
  if (!isTree(body)) return response
  const { error, error_description: description, id_token: idToken, ...rest } = body
  if (typeof error !== 'string') return idToken === undefined ? response : Response.json(rest)
  return Response.json(
    { error: ERRORS[error] ?? error, error_description: description },
    { status: 400 },
  )
}
