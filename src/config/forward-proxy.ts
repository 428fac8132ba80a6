// The forward proxy towards a provider: `oidc.proxy`, or the variables that most programs know. They are not the gateway's, so
// the names have no prefix; the spelling in lower case is the older one and wins, as in curl.

import type { ForwardProxy } from './config.ts'
import type { Environment } from './read/environment.ts'
import { problem, type Problem } from './read/problem.ts'
import { proxy } from './schema/web-leaves.ts'

export interface ProxyVariables {
  /** Valid, or undefined. */
  readonly url: string | undefined
  readonly exceptions: string
  readonly problems: readonly Problem[]
}

export function readProxyVariables(env: Environment): ProxyVariables {
  const written = env['https_proxy'] || env['HTTPS_PROXY'] || undefined
  const exceptions = env['no_proxy'] || env['NO_PROXY'] || ''
  if (written === undefined) return { url: undefined, exceptions, problems: [] }
  const read = proxy.safeParse(written)
  if (read.success && read.data !== 'none') return { url: read.data, exceptions, problems: [] }
  const words =
    'the variable HTTPS_PROXY must be the URL of a proxy such as http://proxy.example.com:3128; correct it, or set this to none'
  return { url: undefined, exceptions, problems: [problem('oidc.proxy', words)] }
}

/** A setting of the operator counts for every host; HTTPS_PROXY is for https, and not for the hosts in NO_PROXY. */
export function chooseProxy(
  written: string | undefined,
  issuer: URL,
  variables: ProxyVariables,
): ForwardProxy | undefined {
  if (written === 'none') return undefined
  if (written !== undefined) return { url: written, exceptions: '' }
  if (variables.url === undefined || issuer.protocol !== 'https:') return undefined
  return { url: variables.url, exceptions: variables.exceptions }
}
