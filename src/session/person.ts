// Who a session belongs to, in one word: what one person may hold is counted by it, however many sessions they have.

import type { Session } from './session.ts'

/** OpenID Connect Core 2: `iss` and `sub` together name a person. An issuer is a URL and contains no space. */
export function personOf({ identity }: Pick<Session, 'identity'>): string {
  return `${identity.iss} ${identity.sub}`
}
