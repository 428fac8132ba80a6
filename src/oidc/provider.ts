// A provider with everything that a sign-in there needs, from the first redirect to the sign-out.

import type { ClientAuth, ProviderSettings, SettingsHolder } from '../config/config.ts'
import type { Session, Vault } from '../session/session.ts'
import { buildAuthorizationRequest, type AuthorizationRequest } from './authorization-request.ts'
import { createFinishLogin, type FinishLogin } from './callback.ts'
import { endSessionUrl } from './logout.ts'
import { createCheckLogoutToken, type CheckLogoutToken } from './logout-token.ts'
import { createRefresh, type Refresh } from './refresh.ts'
import type { RelyingParty } from './relying-party.ts'

export interface Provider {
  readonly settings: ProviderSettings
  /** People can sign in, as far as the last answers tell. */
  readonly isUp: boolean
  /** It has answered once, so people can sign in. */
  readonly isReady: boolean
  /** Resolves when `isReady` becomes true. */
  readonly ready: Promise<void>
  /** As its tokens name it; undefined before discovery. */
  readonly issuer: string | undefined
  /** How this client authenticates; undefined before discovery. */
  readonly clientAuth: ClientAuth | undefined
  start(): void
  stop(): Promise<void>
  /** Only while `isReady`. Rejects when the provider refuses the request in advance. */
  authorizationUrl(request: AuthorizationRequest): Promise<URL>
  readonly finishLogin: FinishLogin
  readonly refresh: Refresh
  readonly checkLogoutToken: CheckLogoutToken
  /** Its end_session endpoint with parameters; undefined if it has none. */
  endSessionUrl(session: Session, vault: Vault | undefined, state: string): string | undefined
}

export interface ProviderParts {
  readonly settings: SettingsHolder
  readonly now: () => number
}

export function createProvider(
  relyingParty: RelyingParty,
  { settings, now }: ProviderParts,
): Provider {
  const { provider } = relyingParty
  return {
    settings: provider,
    get isUp() {
      return relyingParty.isUp
    },
    get isReady() {
      return relyingParty.configuration !== undefined
    },
    ready: relyingParty.ready,
    get issuer() {
      return relyingParty.configuration?.serverMetadata().issuer
    },
    get clientAuth() {
      return relyingParty.clientAuth
    },
    start: () => relyingParty.start(),
    stop: () => relyingParty.stop(),
    async authorizationUrl(request) {
      const { configuration } = relyingParty
      if (configuration === undefined) throw new TypeError('the provider is not ready')
      return buildAuthorizationRequest(configuration, provider, request, now())
    },
    finishLogin: createFinishLogin(settings, relyingParty, now),
    refresh: createRefresh(settings, relyingParty, now),
    checkLogoutToken: createCheckLogoutToken(relyingParty, provider.clientId, now),
    endSessionUrl: (session, vault, state) =>
      endSessionUrl(settings, relyingParty, session, vault, state),
  }
}
