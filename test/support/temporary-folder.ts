// A folder under the system's temporary folder that is removed when this process ends, even if the process fails before
// the code that would remove the folder.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TemporaryFolder {
  readonly path: string
  readonly remove: () => void
}

const folders = new Set<string>()

/** `name` begins its name, so that a person who finds it knows where it is from. */
export function makeTemporaryFolder(name: string): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), `${name}-`))
  if (folders.size === 0) process.on('exit', removeAll)
  folders.add(path)
  return {
    path,
    remove() {
      remove(path)
      folders.delete(path)
      if (folders.size === 0) process.off('exit', removeAll)
    },
  }
}

function removeAll(): void {
  for (const path of folders) remove(path)
}

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true })
}
