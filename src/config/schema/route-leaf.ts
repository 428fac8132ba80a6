// The YAML list `desktop.routes`: further servers, each under its own path.

import * as z from 'zod'

import { choice, flag, line, map, text } from './leaf.ts'
import { fingerprint, username } from './secret-leaves.ts'
import { desktopUrl } from './web-leaves.ts'
import type { WrittenRoute } from './written-settings.ts'

/** Only the canonical form of net/target.ts is accepted, because request paths are compared in that form. */
const routePath: z.ZodType<string> = text('must be a path such as /audio', (written, refuse) => {
  if (!/^(?:\/[\w\-~][\w\-.~]*)+$/.test(written)) {
    return refuse(
      'must be a path such as /audio, with plain characters only and no slash at the end',
    )
  }
  return /^\/oauth2(?:\/|$)/.test(written)
    ? refuse('must not begin with /oauth2, the path of the gateway itself')
    : written
})

const tls = map({
  caFile: line.optional(),
  fingerprint: fingerprint.optional(),
  insecure: flag.prefault('false'),
})

const route = map({
  path: routePath,
  url: desktopUrl,
  role: choice('view', 'control', 'owner').prefault('control'),
  stripPrefix: flag.prefault('true'),
  username: username.optional(),
  password: line.optional(),
  tls: tls.prefault({}),
})

export const desktopRoutes: z.ZodType<readonly WrittenRoute[]> = z.array(
  route,
  'must be a list of routes',
)

/** The path of each key of a route; `[]` stands for the index. */
export const ROUTE_PATHS: readonly string[] = [
  ...Object.keys(route.shape).map((key) => `desktop.routes[].${key}`),
  'desktop.routes[].passwordFile',
  ...Object.keys(tls.shape).map((key) => `desktop.routes[].tls.${key}`),
]
