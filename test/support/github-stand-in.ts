// GitHub as far as the gateway knows it, answering as docs.github.com says: OAuth apps, the user, addresses, organisations, teams.

import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { CLIENT_ID, CLIENT_SECRET } from './gateway.ts'
import { TOKEN_PREFIX } from './scripted-op.ts'

export interface GithubAccount {
  readonly user: object
  readonly emails: readonly object[]
  readonly orgs: readonly object[]
  readonly teams: readonly object[]
}

export const OCTO: GithubAccount = {
  user: { id: 583_231, login: 'octo', name: 'Octo Cat', email: 'public@example.com' },
  emails: [
    { email: 'other@example.org', primary: false, verified: true },
    { email: 'octo@example.com', primary: true, verified: true },
  ],
  orgs: [{ login: 'Example-Corp', id: 1 }],
  teams: [{ slug: 'platform', name: 'Platform Team', organization: { login: 'Example-Corp' } }],
}

export interface GithubStandIn {
  readonly origin: string
  /** Paths with query of the API requests so far. */
  readonly asked: string[]
  account: GithubAccount
  /** Of each token that it gives. */
  scopes: string
  /** Entries a page. */
  pageSize: number
  /** Answers the API request with this path in place of the usual answer. */
  readonly overrides: Map<
    string,
    { status: number; headers?: Record<string, string>; body?: object }
  >
  /** Headers that are added to the answer with this path. */
  readonly extraHeaders: Map<string, Record<string, string>>
  /** Added to each token response. */
  tokenExtras: object
  /** Of tokens that it gives from now on; undefined: they do not end. */
  expiresIn: number | undefined
  readonly refreshes: number
  revokeTokens(): void
  /** The person at `url` approves. Where they are sent back to. */
  approve(url: URL): URL
  stop(): Promise<void>
}

export async function startGithubStandIn(): Promise<GithubStandIn> {
  const codes = new Map<string, { challenge: string | null; redirectUri: string | null }>()
  const tokens = new Set<string>()
  const refreshTokens = new Set<string>()
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', origin)
    if (url.pathname === '/login/oauth/authorize' && url.searchParams.has('redirect_uri')) {
      response.writeHead(302, { location: standIn.approve(url).href }).end()
    } else if (url.pathname === '/login/oauth/access_token') {
      send(response, 200, redeem(new URLSearchParams(await text(request))))
    } else if (url.pathname.startsWith('/api/v3/')) answerApi(request, response, url)
    else send(response, 404, { message: 'Not Found' })
  }

  /** Errors have status 200 too. */
  function redeem(form: URLSearchParams): object {
    if (form.get('client_id') !== CLIENT_ID || form.get('client_secret') !== CLIENT_SECRET) {
      return {
        error: 'incorrect_client_credentials',
        error_description: 'The client_id and/or client_secret passed are incorrect.',
      }
    }
    if (form.get('grant_type') === 'refresh_token') {
      if (!refreshTokens.delete(form.get('refresh_token') ?? ''))
        return { error: 'bad_refresh_token' }
      refreshes += 1
      return newToken()
    }
    const code = codes.get(form.get('code') ?? '')
    codes.delete(form.get('code') ?? '')
    const verifier = form.get('code_verifier') ?? ''
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    if (code === undefined || code.challenge !== challenge) {
      return {
        error: 'bad_verification_code',
        error_description: 'The code passed is incorrect or expired.',
      }
    }
    if (form.get('redirect_uri') !== code.redirectUri) return { error: 'redirect_uri_mismatch' }
    return newToken()
  }

  let refreshes = 0
  function newToken(): object {
    const token = `${TOKEN_PREFIX}gho-${randomBytes(9).toString('hex')}`
    tokens.add(token)
    const common = {
      access_token: token,
      ...standIn.tokenExtras,
      token_type: 'bearer',
      scope: standIn.scopes.replaceAll(' ', ''),
    }
    if (standIn.expiresIn === undefined) return common
    const refreshToken = `${TOKEN_PREFIX}ghr-${randomBytes(9).toString('hex')}`
    refreshTokens.add(refreshToken)
    return { ...common, expires_in: standIn.expiresIn, refresh_token: refreshToken }
  }

  function answerApi(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const path = url.pathname.slice('/api/v3'.length)
    standIn.asked.push(path + url.search)
    const [, token = ''] = (request.headers.authorization ?? '').split(' ')
    if (request.headers['user-agent'] === undefined)
      return send(response, 403, { message: 'no User-Agent' })
    if (!tokens.has(token)) return send(response, 401, { message: 'Bad credentials' })
    const override = standIn.overrides.get(path)
    if (override !== undefined) {
      return send(response, override.status, override.body ?? { message: 'no' }, override.headers)
    }
    const { account } = standIn
    const granted = standIn.scopes.split(/,? /)
    const headers = { 'x-oauth-scopes': granted.join(', '), ...standIn.extraHeaders.get(path) }
    switch (path) {
      case '/user':
        return send(response, 200, account.user, headers)
      case '/user/emails':
        return granted.includes('user:email')
          ? page(response, url, account.emails, headers)
          : send(
              response,
              404,
              { message: 'Not Found' },
              { ...headers, 'x-accepted-oauth-scopes': 'user, user:email' },
            )
      case '/user/orgs':
      case '/user/teams':
        return granted.includes('read:org')
          ? page(response, url, path === '/user/orgs' ? account.orgs : account.teams, headers)
          : send(
              response,
              403,
              { message: 'You need at least read:org scope' },
              { ...headers, 'x-accepted-oauth-scopes': 'read:org, repo, user, write:org' },
            )
      default:
        return send(response, 404, { message: 'Not Found' }, headers)
    }
  }

  function page(
    response: ServerResponse,
    url: URL,
    all: readonly object[],
    headers: Record<string, string>,
  ): void {
    const size = Math.min(standIn.pageSize, Number(url.searchParams.get('per_page') ?? 30))
    const number = Number(url.searchParams.get('page') ?? 1)
    const next = new URL(url)
    next.searchParams.set('page', String(number + 1))
    const last = new URL(url)
    last.searchParams.set('page', String(Math.ceil(all.length / size)))
    const link =
      number * size < all.length
        ? { link: `<${next.href}>; rel="next", <${last.href}>; rel="last"` }
        : {}
    send(response, 200, all.slice((number - 1) * size, number * size), { ...headers, ...link })
  }

  const standIn = {
    origin,
    asked: [] as string[],
    account: OCTO,
    scopes: 'read:user user:email read:org',
    pageSize: 100,
    overrides: new Map<
      string,
      { status: number; headers?: Record<string, string>; body?: object }
    >(),
    extraHeaders: new Map<string, Record<string, string>>(),
    tokenExtras: {} as object,
    expiresIn: undefined as number | undefined,
    get refreshes() {
      return refreshes
    },
    revokeTokens(): void {
      tokens.clear()
      refreshTokens.clear()
    },
    approve(url: URL): URL {
      const { searchParams: query } = url
      const code = randomBytes(10).toString('hex')
      codes.set(code, {
        challenge: query.get('code_challenge'),
        redirectUri: query.get('redirect_uri'),
      })
      const back = new URL(query.get('redirect_uri') ?? '')
      back.search = new URLSearchParams({ code, state: query.get('state') ?? '' }).toString()
      return back
    },
    async stop(): Promise<void> {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return standIn
}

function send(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
  response.end(JSON.stringify(body))
}
