// Files that settings name are opened once before the start, so that a wrong path is one more line in the list of
// problems and not a failure later on.

import { closeSync, openSync, readSync } from 'node:fs'
import { codeOf } from '../../lib/errors.ts'
import { problem, type Problem } from '../read/problem.ts'
import type { WrittenSettings } from '../schema/written-settings.ts'

export function checkFiles({ tls, oidc, session, desktop }: WrittenSettings): readonly Problem[] {
  const files = {
    'tls.certFile': tls.certFile,
    'tls.keyFile': tls.keyFile,
    'oidc.privateKeyFile': oidc.privateKeyFile,
    'oidc.caFile': oidc.caFile,
    'session.storeCaFile': session.storeCaFile,
    'desktop.tls.caFile': desktop.tls.caFile,
    ...Object.fromEntries(
      (desktop.routes ?? []).map(({ tls: { caFile } }, index) => [
        `desktop.routes[${index}].tls.caFile`,
        caFile,
      ]),
    ),
  }
  return Object.entries(files).flatMap(([setting, file]) => {
    const failure = file === undefined ? undefined : readFailure(file)
    return failure === undefined ? [] : [problem(setting, `cannot read ${file}: ${failure}`)]
  })
}

function readFailure(file: string): string | undefined {
  try {
    const descriptor = openSync(file, 'r')
    try {
      // A folder opens; only reading it fails.
      readSync(descriptor, Buffer.alloc(1))
    } finally {
      closeSync(descriptor)
    }
    return undefined
  } catch (error) {
    const words: Readonly<Record<string, string>> = {
      ENOENT: 'there is no such file',
      EACCES: 'permission denied',
      EISDIR: 'it is a folder',
    }
    return words[codeOf(error) ?? ''] ?? codeOf(error) ?? 'it cannot be opened'
  }
}
