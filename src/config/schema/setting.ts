// The metadata of each leaf of the schema. Environment names, problems, `--check-config` and docs/configuration.md all
// use it, so that they always know the same settings.

import * as z from 'zod'

/** The metadata that a leaf is declared with. */
export interface About {
  /** Undefined: the setting exists only in the YAML file. */
  readonly env: string | undefined
  /** What the setting does, in a few sentences of Markdown. */
  readonly meaning: string
  /** The value may come from a file (`…_FILE`, `…File`) and is never shown. */
  readonly secret?: true
}

interface Entry extends About {
  readonly whenUnset: string
  readonly required: boolean
}

const entries: z.core.$ZodRegistry<Entry> = z.registry<Entry>()

/** A required setting. load.ts reports it as missing, together with all other problems. */
export function required<T>(leaf: z.ZodType<T>, about: About): z.ZodOptional<z.ZodType<T>> {
  const schema = leaf.optional()
  entries.add(schema, { ...about, whenUnset: 'required', required: true })
  return schema
}

/** A setting with a default. `value` is text as people would write it, and is read in the same way. */
export function byDefault<T>(
  leaf: z.ZodType<T>,
  value: string,
  about: About,
): z.ZodPrefault<z.ZodType<T>> {
  const schema = leaf.prefault(value)
  entries.add(schema, { ...about, whenUnset: `\`${value}\``, required: false })
  return schema
}

/** A setting without a default. `whenUnset` tells what happens when it is not set. */
export function optional<T>(
  leaf: z.ZodType<T>,
  whenUnset: string,
  about: About,
): z.ZodOptional<z.ZodType<T>> {
  const schema = leaf.optional()
  entries.add(schema, { ...about, whenUnset, required: false })
  return schema
}

const sections = new WeakMap<z.core.$ZodType, z.core.$ZodType>()

/** One map with the keys of `section`, or a list of such maps. It is read as a list, each with its path in the settings. */
export function oneOrMore<T>(
  key: string,
  section: z.ZodType<T>,
): z.ZodType<readonly (T & { readonly path: string })[]> {
  const one = section.transform((value) => [{ ...value, path: key }])
  const many = z
    .array(section)
    .min(1, 'must not be an empty list')
    .transform((values) => values.map((value, index) => ({ ...value, path: `${key}[${index}]` })))
  const schema = z.unknown().transform((input, { issues }) => {
    const read = (Array.isArray(input) ? many : one).safeParse(input, { reportInput: true })
    if (read.success) return read.data
    issues.push(...(read.error.issues as z.core.$ZodRawIssue[]))
    return z.NEVER
  })
  sections.set(schema, section)
  return schema
}

/** One leaf of the schema, and where it can be set. */
export interface Setting {
  /** Its place in the YAML file: `session.maxLifetime`. */
  readonly path: string
  readonly env: string | undefined
  readonly meaning: string
  readonly secret: boolean
  readonly required: boolean
  /** The default, or a description of what happens without a value. Markdown. */
  readonly whenUnset: string
}

/** All leaves below `schema`, in their order. */
export function settingsOf(schema: z.core.$ZodType, path = ''): readonly Setting[] {
  const entry = entries.get(schema)
  if (entry !== undefined) return [{ ...entry, path, secret: entry.secret ?? false }]
  const unwrapped = schema instanceof z.ZodPrefault ? schema.unwrap() : schema
  const inner = sections.get(unwrapped) ?? unwrapped
  if (!(inner instanceof z.ZodObject)) throw new Error(`${path} has no metadata`)
  return Object.entries(inner.shape).flatMap(([key, child]) =>
    settingsOf(child as z.core.$ZodType, path === '' ? key : `${path}.${key}`),
  )
}
