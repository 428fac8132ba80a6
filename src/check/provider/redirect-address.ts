// Whether the client and its redirect address are registered: sends the authorization request of a sign-in, with `prompt=none`
// (OpenID Connect Core 3.1.2.1). The provider may then show no page, and must come back with an error because nobody is signed
// in. It comes back to registered addresses only.

import { randomBytes } from 'node:crypto'
import * as oidc from 'openid-client'
import { printable } from '../../lib/printable.ts'
import { buildAuthorizationRequest } from '../../oidc/authorization-request.ts'
import type { RelyingParty } from '../../oidc/relying-party.ts'
import type { Findings } from '../finding.ts'
import { networkFailure } from '../network-failure.ts'
import { get } from './reach-provider.ts'

const MAX_TEXT = 300

/** What a provider says when it would have shown a page (Core 3.1.2.6). */
const NEEDS_A_PAGE: readonly string[] = [
  'login_required',
  'interaction_required',
  'consent_required',
  'account_selection_required',
]

export async function checkRedirectAddress(
  { provider, configuration, fetch }: RelyingParty,
  publicUrl: URL,
  findings: Findings,
): Promise<void> {
  if (configuration === undefined) return
  const redirectUri = new URL(provider.callbackPath, publicUrl)
  const advice = `Register the redirect address ${redirectUri.href} exactly so, and check oidc.clientId.`
  let url: URL
  let answer: Response
  try {
    url = await requestUrl(configuration, provider, redirectUri)
  } catch (error) {
    if (isAboutCredentials(error)) {
      findings.skip(
        'redirect',
        'The provider takes this request from a client that it accepts only.',
      )
      return
    }
    const words = error instanceof oidc.ResponseBodyError ? wordsOf(error) : networkFailure(error)
    findings.fail(
      'redirect',
      `The provider refuses the pushed sign-in request: ${words}. ${advice}`,
    )
    return
  }
  try {
    answer = await get(url, fetch, { accept: 'text/html' })
    await answer.body?.cancel()
  } catch (error) {
    findings.skip(
      'redirect',
      `The authorization endpoint ${url.origin} cannot be reached from here, where only browsers need it: ${networkFailure(error)}.`,
    )
    return
  }
  const { status, headers } = answer
  const back = URL.parse(headers.get('location') ?? '', url.href)
  const comesBack = back?.origin === redirectUri.origin && back.pathname === redirectUri.pathname
  if (comesBack) {
    judge(back.searchParams, findings)
  } else if (status >= 400 && status < 500) {
    findings.fail(
      'redirect',
      `The provider answers the sign-in request with status ${status} and does not come back. ${advice}`,
    )
  } else {
    findings.skip(
      'redirect',
      `The provider answers the sign-in request with a page of its own (status ${status}), which does not show whether the redirect address is registered. Sign in once to see.`,
    )
  }
}

function requestUrl(
  configuration: oidc.Configuration,
  provider: RelyingParty['provider'],
  redirectUri: URL,
): Promise<URL> {
  const random = (): string => randomBytes(32).toString('base64url')
  const { max_age: _, ...params } = provider.authorizationParams
  const login = {
    provider: provider.name,
    state: random(),
    nonce: random(),
    codeVerifier: random(),
    returnTo: '/',
    authenticatedAfter: undefined,
    sessionBefore: undefined,
    createdAt: Date.now(),
  }
  return buildAuthorizationRequest(
    configuration,
    { ...provider, authorizationParams: { ...params, prompt: 'none' } },
    { login, prompt: undefined, redirectUri: redirectUri.href },
    Date.now(),
  )
}

/** RFC 9126 2.3: a pushed request is refused like a request to the token endpoint. */
function isAboutCredentials(error: unknown): boolean {
  return (
    error instanceof oidc.WWWAuthenticateChallengeError ||
    (error instanceof oidc.ResponseBodyError && error.status === 401)
  )
}

function judge(response: URLSearchParams, findings: Findings): void {
  const error = response.get('error')
  if (error === null || NEEDS_A_PAGE.includes(error)) {
    findings.ok('redirect', 'The provider knows the client and its redirect address.')
    return
  }
  const words = wordsOf({
    error,
    error_description: response.get('error_description') ?? undefined,
  })
  const setting =
    error === 'invalid_scope' ? 'oidc.scopes' : 'oidc.scopes, oidc.authorizationParams'
  findings.fail(
    'redirect',
    `The provider refuses the sign-in request: ${words}. Check ${setting}, and the client at the provider.`,
  )
}

function wordsOf({
  error,
  error_description: description,
}: {
  readonly error: string
  readonly error_description?: string | undefined
}): string {
  return printable(description === undefined ? error : `${error}: ${description}`, MAX_TEXT)
}
