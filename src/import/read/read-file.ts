// Tells the formats apart by content, and merges several files as oauth2-proxy does: flags win over the environment, which wins
// over the configuration file. The alpha configuration replaces what it covers.

import { looksLikeAlpha, readAlpha } from './alpha.ts'
import { looksLikeEnvironment, readEnvironmentFile } from './environment-file.ts'
import { looksLikeFlags, readFlags } from './flags.ts'
import type { FileRead, Format, Given } from './given.ts'
import { readToml } from './toml.ts'

const READERS: Readonly<Record<Format, (text: string) => FileRead>> = {
  toml: readToml,
  flags: readFlags,
  env: readEnvironmentFile,
  alpha: readAlpha,
}

/** From the weakest to the strongest. */
const ORDER: readonly Format[] = ['toml', 'env', 'flags', 'alpha']

export function formatOf(text: string): Format {
  if (looksLikeFlags(text)) return 'flags'
  if (looksLikeEnvironment(text)) return 'env'
  return looksLikeAlpha(text) ? 'alpha' : 'toml'
}

export function readText(text: string, format: Format): FileRead {
  return READERS[format](text)
}

/** One entry for each option. A list that one file gives several times adds up. */
export function merge(
  reads: readonly { readonly format: Format; readonly given: readonly Given[] }[],
): readonly Given[] {
  const merged = new Map<string, Given>()
  for (const format of ORDER) {
    const own = new Map<string, Given>()
    for (const entry of reads
      .filter((read) => read.format === format)
      .flatMap(({ given }) => given)) {
      const earlier = own.get(entry.option.key)?.value
      const value =
        Array.isArray(earlier) && Array.isArray(entry.value)
          ? [...earlier, ...entry.value]
          : entry.value
      own.set(entry.option.key, { ...entry, value })
    }
    for (const [key, entry] of own) merged.set(key, entry)
  }
  return [...merged.values()]
}
