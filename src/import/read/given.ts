// One option as a file gives it: its name there, and its value in the type of the option.

import { nearestName } from '../../config/read/nearest-name.ts'
import type { Option, OptionType } from '../options/option.ts'

/** Text, true or false, milliseconds or a number, or a list. */
export type Value = string | boolean | number | readonly string[]

export interface Given {
  readonly option: Option
  /** As written: `--email-domain`, `email_domains`, `OAUTH2_PROXY_EMAIL_DOMAINS`. */
  readonly name: string
  readonly value: Value
}

export type Format = 'toml' | 'flags' | 'env' | 'alpha'

export interface FileRead {
  readonly given: readonly Given[]
  /** Sentences. With any of them the file counts as unreadable. They never quote a value. */
  readonly problems: readonly string[]
}

export interface Raw {
  readonly name: string
  readonly option: Option | undefined
  readonly raw: unknown
}

/** Empty texts and lists count as not given, as in oauth2-proxy; a list with an empty entry does not: it matches nobody. `known` are all names of this form. */
export function toGiven(entries: readonly Raw[], known: readonly string[]): FileRead {
  const given: Given[] = []
  const problems: string[] = []
  for (const { name, option, raw } of entries) {
    if (option === undefined) {
      problems.push(unknownOption(name, known))
      continue
    }
    const value = readValue(option.type, raw)
    if (value === undefined) problems.push(`${name}: must be ${WORDS[option.type]}`)
    else if (!isEmpty(value)) given.push({ option, name, value })
  }
  return { given, problems }
}

function unknownOption(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  const hint = nearest === undefined ? 'remove it' : `did you mean ${nearest}?`
  return `${name}: is not an option of oauth2-proxy 7; ${hint}`
}

const WORDS: Readonly<Record<OptionType, string>> = {
  text: 'text',
  flag: 'true or false',
  number: 'a whole number',
  duration: 'a duration such as 12h or 1h30m',
  list: 'text, or a list of texts',
}

function readValue(type: OptionType, raw: unknown): Value | undefined {
  if (type === 'list') {
    const entries = Array.isArray(raw) ? raw : typeof raw === 'string' ? splitList(raw) : [raw]
    return entries.every(isScalar) ? entries.map((entry) => String(entry).trim()) : undefined
  }
  if (!isScalar(raw)) return undefined
  const written = String(raw)
  if (type === 'text' || written === '') return written
  if (type === 'flag') return readFlag(written)
  if (type === 'number') return /^-?\d{1,15}$/.test(written) ? Number(written) : undefined
  return parseGoDuration(written)
}

function isScalar(raw: unknown): raw is string | number | bigint | boolean {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof raw)
}

function isEmpty(value: Value): boolean {
  return value === '' || (Array.isArray(value) && value.length === 0)
}

/** The words of Go's strconv.ParseBool. */
function readFlag(written: string): boolean | undefined {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(written)) return true
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(written)) return false
  return undefined
}

/** Commas separate; quotes keep one inside an entry, as in CSV. */
function splitList(written: string): string[] {
  const entries = written.match(/"(?:[^"]|"")*"|[^,]+/g) ?? []
  return entries
    .map((entry) => entry.trim())
    .map((entry) => (entry.startsWith('"') ? entry.slice(1, -1).replaceAll('""', '"') : entry))
    .filter((entry) => entry !== '')
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
}

/** `1h30m`, `168h0m0s`, `0`; in milliseconds. */
function parseGoDuration(written: string): number | undefined {
  if (written === '0') return 0
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(written)) return undefined
  const parts = [...written.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)]
  const ms = parts.map(([, count, unit = '']) => Number(count) * (UNIT_MS[unit] ?? Number.NaN))
  return Math.round(ms.reduce((sum, part) => sum + part, 0))
}
