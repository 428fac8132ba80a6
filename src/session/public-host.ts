// A cookie is set for one host only, so a sign-in must begin on the host that it ends on: the public one.

import type { IncomingHttpHeaders } from 'node:http'
import type { SettingsHolder } from '../config/config.ts'
import { isPublicHost } from '../net/navigation.ts'
import type { Cookies } from './cookie.ts'

/** Where a navigation must go first, and the `Set-Cookie` that keeps it from going round; undefined: it is there. */
export type ToPublicHost = (
  headers: IncomingHttpHeaders,
  path: string,
) => { readonly location: string; readonly setCookie: string } | undefined

const REMEMBER_S = 10

/** `onRewritten` is told the Host that a proxy in front makes up. */
export function createToPublicHost(
  settings: SettingsHolder,
  cookies: Cookies,
  onRewritten: (host: string | undefined) => void,
): ToPublicHost {
  const name = `${cookies.loginPrefix}host`
  return function toPublicHost(headers, path) {
    const { publicUrl } = settings.current
    if (isPublicHost(headers.host, publicUrl)) return undefined
    if (cookies.read(headers.cookie, name) === undefined) {
      return {
        location: new URL(path, publicUrl).href,
        setCookie: cookies.set(name, '1', REMEMBER_S),
      }
    }
    // It came back, so the browser is on the public host and a proxy in between rewrites Host: once more would be a
    // circle.
    onRewritten(headers.host)
    return undefined
  }
}
