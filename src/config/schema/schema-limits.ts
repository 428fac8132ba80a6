// `limits:` How much the gateway takes on, in all and from one person.

import type * as z from 'zod'

import { map, wholeNumber } from './leaf.ts'
import { byDefault, optional } from './setting.ts'
import type { WrittenSettings } from './written-settings.ts'

const MAX_PER_PERSON = 1_000

export const limitsSchema: z.ZodType<WrittenSettings['limits']> = map({
  connections: optional(wholeNumber(1, 1_000_000), 'by the memory there is', {
    env: 'GATEWAY_LIMITS_CONNECTIONS',
    meaning:
      "Connections of the public listener, with unfinished TLS handshakes and headers. When it is full, a newcomer takes the place of a connection on which nobody is signed in; where there is none to take, the newcomer is closed. Both are counted in `ghostwire_connections_refused_total`. The default follows the memory limit of the container (cgroup v2 or v1, else the machine), the limit of V8's heap and the open files: about 2,700 with 512 MiB, 1,600 with TLS.",
  }),
  tunnelsPerPerson: byDefault(wholeNumber(1, MAX_PER_PERSON), '32', {
    env: 'GATEWAY_LIMITS_TUNNELS_PER_PERSON',
    meaning: `Tunnels that one person (issuer and subject) may have over all their sessions, those still being opened included; from 1 to ${MAX_PER_PERSON}. One more is refused with 429. Each replica counts its own: with N replicas a person may have N times as many.`,
  }),
  sessionsPerPerson: byDefault(wholeNumber(1, MAX_PER_PERSON), '20', {
    env: 'GATEWAY_LIMITS_SESSIONS_PER_PERSON',
    meaning: `Live sessions that one person (issuer and subject) may have on all replicas together; from 1 to ${MAX_PER_PERSON}. One more ends the person's oldest session with the reason \`superseded\`.`,
  }),
})
