// The upstreams: one of them is the desktop, others can be routes.

import type { Draft } from './draft.ts'

export function convertDesktop(draft: Draft): void {
  const isInsecure = draft.flag('ssl_upstream_insecure_skip_verify')
  const upstreams = draft.list('upstreams').map(readUpstream)
  const web = upstreams.filter((upstream) => upstream !== undefined)
  const [desktop, ...more] = web.filter(({ path }) => path === '/')
  const routes = web.filter(({ path }) => path !== '/' && path.endsWith('/'))
  const tlsOf = (url: string): object =>
    isInsecure && url.startsWith('https:') ? { tls: { insecure: true } } : {}
  if (desktop === undefined) {
    draft.miss('desktop.url', 'Set it to the desktop, such as http://desktop:6901.')
  } else {
    draft.put('desktop.url', desktop.url)
    for (const [key, value] of Object.entries(tlsOf(desktop.url)))
      draft.put(`desktop.${key}`, value)
    draft.hint(
      'desktop.url',
      "Set desktop.username and desktop.passwordFile to the desktop's own user, unless it has none.",
    )
  }
  if (routes.length > 0) {
    draft.put(
      'desktop.routes',
      routes.map(({ path, url }) => ({
        path: path.slice(0, -1),
        url,
        stripPrefix: false,
        ...tlsOf(url),
      })),
    )
  }
  const carried = routes.length + (desktop === undefined ? 0 : 1)
  if (more.length > 0)
    draft.lose(
      'upstreams',
      'One gateway serves one desktop. Run another gateway for each further one.',
      false,
    )
  else if (carried < upstreams.length) draft.lose('upstreams', undefined, false)
  if (web.some(({ hasCredentials }) => hasCredentials))
    draft.hint(
      'upstreams',
      'The user name and the password in the address are left out. Use desktop.username and desktop.passwordFile.',
    )
}

interface Upstream {
  readonly url: string
  /** With a slash at the end: everything below it. Without: this one path. */
  readonly path: string
  readonly hasCredentials: boolean
}

/** Undefined for `file:`, `unix:`, `static:` and what is no address. */
function readUpstream(written: string): Upstream | undefined {
  const url = URL.parse(written)
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined
  const hasCredentials = url.username !== '' || url.password !== ''
  return { url: url.origin, path: url.pathname, hasCredentials }
}
