// A real OpenID Provider (oidc-provider) in this process, for the demo and for the tests. Its host is 127.0.0.1 where the
// gateway is `localhost`: to a browser these are two sites with two cookie jars, as in life.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'
import type { ClientMetadata, Configuration } from 'oidc-provider'
import { mergeObjects } from './provider/merge-objects.ts'
import type { Person } from './people.ts'
import { createProviderConfiguration } from './provider/configuration.ts'
import { createLogin } from './provider/login.ts'

export interface ProviderOptions {
  /** 0 takes a free one. */
  readonly port: number
  /** Read at every login, token and refresh: a test may change the array under a running provider. */
  readonly people: readonly Person[]
  readonly clients: readonly ClientMetadata[]
  /** Merged into the demo's own configuration: objects by key, anything else replaces. */
  readonly configuration?: Partial<Configuration>
}

export interface RunningProvider {
  readonly issuer: string
  /** For its events (`backchannel.success`, `grant.revoked`, …) and its models. */
  readonly provider: Provider
  stop(): Promise<void>
}

/** Resolves when it answers; rejects, nothing left listening, when the port is taken or the configuration is unsound. */
export async function startProvider(options: ProviderOptions): Promise<RunningProvider> {
  const own = await createProviderConfiguration(options.people)
  const configuration = mergeObjects(own, options.configuration ?? {})
  const clients = [...options.clients, ...(configuration.clients ?? [])]

  // The issuer carries the port, so the port comes first.
  const server = createServer()
  server.listen(options.port, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let provider: Provider
  try {
    provider = new Provider(issuer, { ...configuration, clients })
  } catch (error) {
    server.close()
    throw error
  }
  provider.on('server_error', (_ctx, error) => {
    console.error('provider:', error)
  })

  const login = createLogin(provider, options.people)
  const answer = provider.callback()
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/login/') === true) {
      login(request, response).catch((error: unknown) => {
        console.error('provider:', error)
        response.destroy()
      })
      return
    }
    void answer(request, response)
  })

  return {
    issuer,
    provider,
    async stop() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
