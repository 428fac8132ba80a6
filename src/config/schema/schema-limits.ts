// `limits:` How much the gateway takes on.

import type * as z from 'zod'

import { map, wholeNumber } from './leaf.ts'
import { optional } from './setting.ts'
import type { WrittenSettings } from './written-settings.ts'

export const limitsSchema: z.ZodType<WrittenSettings['limits']> = map({
  connections: optional(wholeNumber(1, 1_000_000), 'by the memory there is', {
    env: 'GATEWAY_LIMITS_CONNECTIONS',
    meaning:
      "Connections of the public listener, with unfinished TLS handshakes and headers. When it is full, a newcomer takes the place of a connection on which nobody is signed in; where there is none to take, the newcomer is closed. Both are counted in `ghostwire_connections_refused_total`. The default follows the memory limit of the container (cgroup v2 or v1, else the machine), the limit of V8's heap and the open files: about 2,700 with 512 MiB, 1,600 with TLS.",
  }),
})
