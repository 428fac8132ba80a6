// Asks GitHub who a person is: the user, the verified primary address, organisations and teams (docs.github.com/rest/users,
// /rest/orgs, /rest/teams). Gitea and Forgejo answer the same requests below /api/v1.

import { GatewayError } from '../lib/errors.ts'
import { isTree, type Tree } from '../lib/tree.ts'
import type { CustomFetch } from 'openid-client'

/** An answer has at most 100 entries. Nobody is in more teams than this. */
const MAX_PAGES = 30
const DEADLINE_MS = 30_000

export interface GithubPerson {
  readonly user: Tree
  /** The primary address; undefined if it was not asked for, or GitHub does not tell it. */
  readonly email: { readonly address: string; readonly isVerified: boolean } | undefined
  /** `organisation` and `organisation:team`. */
  readonly groups: readonly string[]
  /** GitHub left out organisations for which the person has not authorised this client (SAML single sign-on). */
  readonly isSsoMissing: boolean
}

export interface GithubQuestion {
  /** Address of the API's `/user`; the others are below it. */
  readonly userUrl: URL
  readonly accessToken: string
  readonly needs: { readonly email: boolean; readonly groups: boolean }
}

/**
 * Rejects with `token-refused` for a token that was revoked, `provider-busy` beyond a rate limit, `provider-refused` when a
 * permission is missing, or on a network failure.
 */
export async function askGithub(
  fetch: CustomFetch,
  { userUrl, accessToken, needs }: GithubQuestion,
): Promise<GithubPerson> {
  const user = await ask(fetch, userUrl, accessToken)
  if (!isTree(user.body)) {
    throw new GatewayError(
      'provider-refused',
      `${userUrl.href} answers with something else than a user`,
    )
  }
  // Pages and audit show the address, also if no rule needs it.
  const emails = await list(fetch, below(userUrl, 'emails'), accessToken).catch(
    (error: unknown) => {
      if (needs.email) throw error
      return undefined
    },
  )
  const groups = needs.groups
    ? await Promise.all([
        list(fetch, below(userUrl, 'orgs'), accessToken),
        list(fetch, below(userUrl, 'teams'), accessToken),
      ])
    : []
  const [organisations, teams] = groups
  return {
    user: user.body,
    email: primaryOf(emails?.entries ?? []),
    groups: [
      ...(organisations?.entries ?? []).flatMap((one) => nameOf(one) ?? []),
      ...(teams?.entries ?? []).flatMap((one) => teamName(one) ?? []),
    ],
    isSsoMissing: groups.some(({ isSsoMissing }) => isSsoMissing),
  }
}

function below(userUrl: URL, name: string): URL {
  const url = new URL(userUrl)
  url.pathname += `/${name}`
  url.searchParams.set('per_page', '100')
  return url
}

interface List {
  readonly entries: readonly Tree[]
  readonly isSsoMissing: boolean
}

/** All pages of a list (docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api). */
async function list(fetch: CustomFetch, first: URL, accessToken: string): Promise<List> {
  const entries: Tree[] = []
  let isSsoMissing = false
  let url: URL | undefined = first
  for (let page = 0; url !== undefined; page += 1) {
    if (page === MAX_PAGES) {
      throw new GatewayError('provider-refused', `${first.href} has more than ${MAX_PAGES} pages`)
    }
    const answer: Answer = await ask(fetch, url, accessToken)
    isSsoMissing ||= answer.headers.get('x-github-sso') !== null
    if (answer.status === 403) break
    if (!Array.isArray(answer.body)) {
      throw new GatewayError(
        'provider-refused',
        `${first.href} answers with something else than a list`,
      )
    }
    entries.push(...answer.body.filter(isTree))
    url = nextPage(answer.headers.get('link'), first)
  }
  return { entries, isSsoMissing }
}

/** The token must not go to another host, whatever the answer says. */
function nextPage(link: string | null, first: URL): URL | undefined {
  const [, href] = /<([^>]+)>\s*;\s*rel="?next"?/.exec(link ?? '') ?? []
  const next = href === undefined ? null : URL.parse(href, first.href)
  return next?.origin === first.origin ? next : undefined
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

/** A 403 is returned only if it is about the single sign-on of an organisation. */
async function ask(fetch: CustomFetch, url: URL, accessToken: string): Promise<Answer> {
  const { status, headers, body } = await send(fetch, url, accessToken)
  if (status === 200) return { status, headers, body }
  if (status === 401) {
    throw new GatewayError('token-refused', 'the access token is no longer valid')
  }
  const isLimited = headers.get('x-ratelimit-remaining') === '0' || headers.has('retry-after')
  if (status === 429 || (status === 403 && isLimited)) {
    const until = headers.get('retry-after') ?? headers.get('x-ratelimit-reset') ?? 'unknown'
    throw new GatewayError(
      'provider-busy',
      `${url.href} is rate limited (until ${until.slice(0, 20)})`,
    )
  }
  if (status === 403 && headers.has('x-github-sso')) return { status, headers, body }
  if (status >= 500) throw new GatewayError('provider-busy', `${url.href} answers ${status}`)
  const [granted, accepted] = ['x-oauth-scopes', 'x-accepted-oauth-scopes'].map((name) =>
    (headers.get(name) ?? 'not told').slice(0, 100),
  )
  throw new GatewayError(
    'provider-refused',
    `${url.href} answers ${status}; it accepts the scopes: ${accepted}; the token has: ${granted}; see oidc.scopes, or the permissions of the GitHub App`,
  )
}

async function send(fetch: CustomFetch, url: URL, accessToken: string): Promise<Answer> {
  const response = await fetch(url.href, {
    method: 'GET',
    headers: {
      accept: 'application/vnd.github+json, application/json',
      authorization: `Bearer ${accessToken}`,
      // GitHub refuses requests without one.
      'user-agent': 'ghostwire-gateway',
      'x-github-api-version': '2022-11-28',
    },
    redirect: 'manual',
    body: undefined,
    signal: AbortSignal.timeout(DEADLINE_MS),
  })
  const body: unknown = await response.json().catch(() => undefined)
  return { status: response.status, headers: response.headers, body }
}

function primaryOf(emails: readonly Tree[]): GithubPerson['email'] {
  const primary = emails.find((one) => one['primary'] === true)
  const address = primary?.['email']
  return typeof address === 'string'
    ? { address, isVerified: primary?.['verified'] === true }
    : undefined
}

/** GitHub calls it `login`, Gitea `username`. */
function nameOf(organisation: unknown): string | undefined {
  if (!isTree(organisation)) return undefined
  const { login, username } = organisation
  const name = login ?? username
  return typeof name === 'string' && name !== '' ? name : undefined
}

function teamName(team: Tree): string | undefined {
  const organisation = nameOf(team['organization'])
  // Gitea has no slug; its team names need none.
  const name = team['slug'] ?? team['name']
  if (organisation === undefined || typeof name !== 'string' || name === '') return undefined
  return `${organisation}:${name}`
}
