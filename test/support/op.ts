// The real OpenID Provider of the integration tests: the demo's provider with the tests' client.

import type { ClientMetadata, Configuration } from 'oidc-provider'
import { alice, mallory, type Person } from '../../demo/people.ts'
import { startProvider, type RunningProvider } from '../../demo/provider.ts'
import { CLIENT_ID, CLIENT_SECRET } from './gateway.ts'

export interface TestProviderOptions {
  readonly people?: readonly Person[]
  readonly client?: Partial<ClientMetadata>
  readonly configuration?: Partial<Configuration>
  readonly port?: number
}

export function startTestProvider(
  gatewayOrigin: string,
  {
    people = [alice, mallory],
    client = {},
    configuration = {},
    port = 0,
  }: TestProviderOptions = {},
): Promise<RunningProvider> {
  return startProvider({
    port,
    people,
    configuration,
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [`${gatewayOrigin}/oauth2/callback`],
        post_logout_redirect_uris: [`${gatewayOrigin}/oauth2/signed_out`],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        backchannel_logout_uri: `${gatewayOrigin}/oauth2/backchannel_logout`,
        backchannel_logout_session_required: true,
        ...client,
      },
    ],
  })
}
