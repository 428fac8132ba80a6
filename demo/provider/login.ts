// The provider's interactions (oidc-provider's word for what it needs a person for): our login form, and consent
// that is given without a page, which only a request with `prompt=consent` still asks for.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { errors } from 'oidc-provider'
import type Provider from 'oidc-provider'
import type { Person } from '../people.ts'
import { errorPage, finishedPage, loginPage, PAGE_HEADERS } from './pages.ts'
import type { LoginForm } from './pages.ts'

const FORM_LIMIT = 4096
const MAX_FINISHED = 1_000

export type LoginHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** Answers everything under `/login/`. */
export function createLogin(provider: Provider, people: readonly Person[]): LoginHandler {
  /** Where each login led, oldest first, for a person who returns to its form. */
  const finished = new Map<string, string>()

  return async (request, response) => {
    try {
      const { prompt, params } = await provider.interactionDetails(request, response)
      if (prompt.name === 'consent') {
        await provider.interactionFinished(request, response, { consent: {} })
      } else if (request.method === 'POST') {
        await submit(request, response, applicationOf(params))
      } else {
        showForm(response, 200, {
          username: (params['login_hint'] ?? '') as string,
          refused: false,
        })
      }
    } catch (error) {
      if (!(error instanceof errors.SessionNotFound)) throw error
      const application = finished.get(request.url ?? '')
      if (application === undefined) {
        sendPage(response, 400, errorPage('This sign-in has expired or was finished already.'))
      } else {
        sendPage(response, 200, finishedPage(application))
      }
    }
  }

  async function submit(
    request: IncomingMessage,
    response: ServerResponse,
    application: string,
  ): Promise<void> {
    if (Number(request.headers['content-length'] ?? Infinity) > FORM_LIMIT) {
      response.setHeader('connection', 'close')
      sendPage(response, 413, errorPage('That form is too large.'))
      return
    }
    const form = new URLSearchParams(await text(request))
    const username = form.get('username') ?? ''
    const person = people.find((candidate) => candidate.username === username)
    if (person === undefined || person.password !== form.get('password')) {
      showForm(response, 422, { username, refused: true })
      return
    }
    for (const [oldest] of finished) {
      if (finished.size < MAX_FINISHED) break
      finished.delete(oldest)
    }
    finished.set(request.url ?? '', application)
    await provider.interactionFinished(
      request,
      response,
      // Not remembered: the browser deletes the provider's session cookie when it closes.
      { login: { accountId: person.username, amr: ['pwd'], remember: false }, select_account: {} },
      { mergeWithLastSubmission: false },
    )
  }
}

/** The front page of the client that requested the login; its redirect URI is registered. */
function applicationOf(params: Record<string, unknown>): string {
  return new URL('/', params['redirect_uri'] as string).href
}

function showForm(response: ServerResponse, status: number, form: LoginForm): void {
  sendPage(response, status, loginPage(form))
}

function sendPage(response: ServerResponse, status: number, page: string): void {
  response.writeHead(status, {
    ...PAGE_HEADERS,
    'cache-control': 'no-store',
    'content-type': 'text/html; charset=utf-8',
  })
  response.end(page)
}
