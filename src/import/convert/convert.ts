// From options to settings.

import type { Given } from '../read/given.ts'
import { convertAccess } from './access.ts'
import { convertDesktop } from './desktop.ts'
import { Draft } from './draft.ts'
import { convertProvider } from './provider.ts'
import { convertServer } from './server.ts'
import { convertSession } from './session.ts'

/** `hasConfigFile`, `hasAlphaConfig`: these were given too, so the options that name them are dealt with. */
export function convert(
  given: readonly Given[],
  files: { readonly hasConfigFile: boolean; readonly hasAlphaConfig: boolean },
): Draft {
  const draft = new Draft(given)
  if (files.hasConfigFile) draft.take('config')
  if (files.hasAlphaConfig) draft.take('alpha_config')
  convertServer(draft)
  const provider = convertProvider(draft)
  convertSession(draft)
  convertAccess(draft, provider)
  convertDesktop(draft)
  draft.loseTheRest()
  hintAtVariables(draft)
  return draft
}

/** oauth2-proxy or the platform would replace `${NAME}` and `$(NAME)`; the gateway does not. */
function hintAtVariables(draft: Draft): void {
  if (/\$[({]/.test(JSON.stringify(draft.tree)))
    draft.hint(
      'settings',
      'Some values contain ${…} or $(…), which the gateway does not replace. Write the values, or set them in the environment.',
    )
}
