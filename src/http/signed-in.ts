// Whether a request comes from somebody who is signed in.

import type { HttpParts } from './context.ts'

/** Rejects when the store does. */
export type IsSignedIn = (cookieHeader: string | undefined) => Promise<boolean>

export function createIsSignedIn({
  cookies,
  sessions,
}: Pick<HttpParts, 'cookies' | 'sessions'>): IsSignedIn {
  return async function isSignedIn(cookieHeader) {
    const cookie = cookies.read(cookieHeader, cookies.sessionName)
    return cookie !== undefined && (await sessions.find(cookie)).state === 'live'
  }
}
