// A person with a browser, reduced to HTTP: a cookie jar for each host (ports share one, as in real browsers), redirects
// one by one, and the provider's form.

import { request } from 'undici'

export interface RequestInit {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | URLSearchParams
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
  /** Where the request went. */
  readonly url: URL
  /** Where a redirect leads. */
  readonly location: URL | undefined
}

export const NAVIGATION = {
  accept: 'text/html,application/xhtml+xml',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  'sec-fetch-site': 'none',
  'sec-fetch-user': '?1',
} as const

const FORM = 'application/x-www-form-urlencoded'

export class Person {
  readonly jars = new Map<string, Map<string, string>>()

  cookieHeader(url: string | URL): string {
    const jar = this.jars.get(new URL(url).hostname) ?? new Map<string, string>()
    return [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  /** One request, no redirect followed. Not by fetch, which writes Sec-Fetch-Mode itself. */
  async request(url: string | URL, init: RequestInit = {}): Promise<Answer> {
    const target = new URL(url)
    const cookie = this.cookieHeader(target)
    const { body, headers, method = 'GET' } = init
    const form = body instanceof URLSearchParams ? { 'content-type': FORM } : {}
    const response = await request(target, {
      method: method as 'GET',
      headers: { ...(cookie === '' ? {} : { cookie }), ...form, ...headers },
      body: body?.toString() ?? null,
      reset: true,
    })
    const received = new Headers()
    for (const [name, value] of Object.entries(response.headers)) {
      for (const one of [value ?? []].flat()) received.append(name, one)
    }
    this.#keep(target, received)
    const location = received.get('location')
    return {
      status: response.statusCode,
      headers: received,
      body: await response.body.text(),
      url: target,
      location: location === null ? undefined : new URL(location, target),
    }
  }

  /** A navigation, no redirect followed. */
  visit(url: string | URL, headers: Record<string, string> = {}): Promise<Answer> {
    return this.request(url, { headers: { ...NAVIGATION, ...headers } })
  }

  /** A navigation that follows at most ten redirects. */
  async follow(url: string | URL): Promise<Answer> {
    let answer = await this.visit(url)
    for (let hop = 0; hop < 10 && answer.location !== undefined; hop += 1) {
      answer = await this.visit(answer.location)
    }
    return answer
  }

  /** Goes to `url`, signs in at the provider if asked, and follows all redirects. */
  async signIn(url: string, username = 'alice', password = username): Promise<Answer> {
    const answer = await this.reachCallback(url, username, password)
    return answer.location === undefined ? answer : this.follow(answer.location)
  }

  /** The same, but stops at the authorization response: the answer that redirects to the callback. */
  async reachCallback(url: string, username = 'alice', password = username): Promise<Answer> {
    let answer = await this.visit(url)
    for (let hop = 0; hop < 12; hop += 1) {
      if (answer.location?.pathname.startsWith('/oauth2/callback') === true) return answer
      if (answer.location !== undefined) answer = await this.visit(answer.location)
      else if (answer.body.includes('name="password"')) {
        const action = /<form[^>]*action="([^"]*)"/.exec(answer.body)?.[1] ?? ''
        answer = await this.request(new URL(action, answer.url), {
          method: 'POST',
          body: new URLSearchParams({ username, password }),
        })
      } else return answer
    }
    return answer
  }

  #keep(url: URL, headers: Headers): void {
    const jar = this.jars.get(url.hostname) ?? new Map<string, string>()
    this.jars.set(url.hostname, jar)
    for (const line of headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=;]+)=([^;]*)/.exec(line) ?? []
      const maxAge = /;\s*max-age=(-?\d+)/i.exec(line)?.[1]
      const expires = /;\s*expires=([^;]+)/i.exec(line)?.[1]
      const isGone =
        (maxAge !== undefined && Number(maxAge) <= 0) ||
        (expires !== undefined && Date.parse(expires) <= Date.now())
      if (isGone) jar.delete(name)
      else jar.set(name, value)
    }
  }
}
