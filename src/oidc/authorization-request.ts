// Builds the authorization request (OpenID Connect Core 3.1.2.1) with PKCE S256 (RFC 7636) and a nonce, and pushes it to the
// provider if it offers that (RFC 9126).

import * as oidc from 'openid-client'
import type { ProviderSettings } from '../config/config.ts'
import type { LoginState } from '../session/login-state.ts'

/** Values of `prompt` that the gateway's own links may request. All else comes from `authorizationParams`. */
export type Prompt = 'select_account' | 'login'

export interface AuthorizationRequest {
  readonly login: LoginState
  readonly prompt: Prompt | undefined
  /** Where the response goes, absolute. */
  readonly redirectUri: string
}

/** RFC 7636 4.2, `S256`. */
export function calculateChallenge(codeVerifier: string): Promise<string> {
  return oidc.calculatePKCECodeChallenge(codeVerifier)
}

/** The address that the browser is sent to. Rejects when the provider refuses a pushed request. */
export async function buildAuthorizationRequest(
  configuration: oidc.Configuration,
  { scopes, authorizationParams }: ProviderSettings,
  { login, prompt, redirectUri }: AuthorizationRequest,
  now: number,
): Promise<URL> {
  const asked = login.authenticatedAfter === undefined ? prompt : 'login'
  const maxAge = mostAge(authorizationParams, login, now)
  const parameters = {
    ...authorizationParams,
    ...(asked === undefined ? {} : { prompt: supported(asked, configuration) }),
    ...(maxAge === undefined ? {} : { max_age: String(maxAge) }),
    ...(login.stepUp === undefined || login.stepUp.acr.length === 0
      ? {}
      : { acr_values: login.stepUp.acr.join(' ') }),
    redirect_uri: redirectUri,
    scope: scopes,
    state: login.state,
    nonce: login.nonce,
    code_challenge: await calculateChallenge(login.codeVerifier),
    code_challenge_method: 'S256',
  }
  const pushes = configuration.serverMetadata().pushed_authorization_request_endpoint !== undefined
  return pushes
    ? oidc.buildAuthorizationUrlWithPAR(configuration, parameters)
    : oidc.buildAuthorizationUrl(configuration, parameters)
}

/**
 * `max_age` (OpenID Connect Core 3.1.2.1) in seconds: the configured one, or less if the person must have authenticated since a
 * given time, or for a step-up. It also makes the provider send `auth_time`, which is then checked.
 */
export function mostAge(
  params: Readonly<Record<string, string>>,
  { authenticatedAfter, stepUp }: Pick<LoginState, 'authenticatedAfter' | 'stepUp'>,
  now: number,
): number | undefined {
  const wanted = params['max_age'] === undefined ? [] : [Number(params['max_age'])]
  if (authenticatedAfter !== undefined)
    wanted.push(Math.max(0, Math.ceil((now - authenticatedAfter) / 1_000)))
  if (stepUp?.maxAge !== undefined) wanted.push(Math.floor(stepUp.maxAge / 1_000))
  return wanted.length === 0 ? undefined : Math.min(...wanted)
}

// A provider refuses prompts that it does not list. A new login asks for an account as well.
function supported(prompt: Prompt, configuration: oidc.Configuration): Prompt {
  const listed = configuration.serverMetadata()['prompt_values_supported']
  return Array.isArray(listed) && !listed.includes(prompt) ? 'login' : prompt
}
