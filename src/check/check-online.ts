// Asks all parts that the settings name, at the same time.

import type { Settings } from '../config/config.ts'
import { checkCertificates } from './certificates.ts'
import { checkDesktop } from './desktop/check-desktop.ts'
import type { Finding } from './finding.ts'
import { hideSecrets } from './hide-secrets.ts'
import { checkOauth2Provider } from './provider/oauth2-provider.ts'
import { checkOidcProvider } from './provider/oidc-provider.ts'
import { checkStore } from './store/check-store.ts'

type Check = () => Promise<readonly Finding[]>

/** Controls and formatting: a server's answer must not move the cursor of a terminal. */
const INVISIBLE = /[\p{Cc}\p{Cf}]+/gu

/** Never rejects. No message contains a secret of the settings. */
export async function checkOnline(settings: Settings): Promise<readonly Finding[]> {
  const found = await Promise.all(
    checksFor(settings).map(async ([part, subject, check]) => {
      try {
        return await check()
      } catch (error) {
        const message = `This could not be checked: ${(error as Error).message}.`
        return [{ id: `${part}.error`, subject, state: 'failed' as const, message }]
      }
    }),
  )
  const hide = hideSecrets(settings)
  return found.flat().map((finding) => ({
    ...finding,
    message: hide(finding.message).replaceAll(INVISIBLE, ' '),
  }))
}

function checksFor(settings: Settings): readonly (readonly [string, string | undefined, Check])[] {
  return [
    ...settings.providers.map(
      (provider) =>
        [
          'provider',
          provider.name,
          () =>
            provider.kind === 'oauth2'
              ? checkOauth2Provider(provider, settings)
              : checkOidcProvider(provider, settings),
        ] as const,
    ),
    ['desktop', undefined, () => checkDesktop(settings)],
    ['store', undefined, () => checkStore(settings)],
    ['certificate', undefined, async () => checkCertificates(settings, Date.now())],
  ]
}
