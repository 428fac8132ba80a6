// Identifies the person behind a session. Limits count by person, however many sessions the person has.

import type { Session } from './session.ts'

/** `iss` and `sub` together identify a person (OpenID Connect Core 2). An issuer is a URL, so it contains no space. */
export function personOf({ identity }: Pick<Session, 'identity'>): string {
  return `${identity.iss} ${identity.sub}`
}
