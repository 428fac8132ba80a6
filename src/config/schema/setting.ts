// What every leaf of the schema says about itself. Environment names, problems, `--check-config` and
// docs/configuration.md are all read from here, so that none of them can know a setting the others do not.

import * as z from 'zod'

/** What a leaf of the schema is declared with. */
export interface About {
  /** Undefined: in the YAML file only. */
  readonly env: string | undefined
  /** One or two sentences, in Markdown. */
  readonly meaning: string
  /** May come from a file instead (`…_FILE`, `…File`) and is never shown. */
  readonly secret?: true
}

interface Entry extends About {
  readonly whenUnset: string
  readonly required: boolean
}

const entries: z.core.$ZodRegistry<Entry> = z.registry<Entry>()

/** The gateway does not start without it; load.ts says so, beside all other problems. */
export function required<T>(leaf: z.ZodType<T>, about: About): z.ZodOptional<z.ZodType<T>> {
  const schema = leaf.optional()
  entries.add(schema, { ...about, whenUnset: 'required', required: true })
  return schema
}

/** `value` is written as people would write it, and read the same way. */
export function byDefault<T>(
  leaf: z.ZodType<T>,
  value: string,
  about: About,
): z.ZodPrefault<z.ZodType<T>> {
  const schema = leaf.prefault(value)
  entries.add(schema, { ...about, whenUnset: `\`${value}\``, required: false })
  return schema
}

/** `whenUnset` says what then happens. */
export function optional<T>(
  leaf: z.ZodType<T>,
  whenUnset: string,
  about: About,
): z.ZodOptional<z.ZodType<T>> {
  const schema = leaf.optional()
  entries.add(schema, { ...about, whenUnset, required: false })
  return schema
}

/** One leaf of the schema and the places it can be written at. */
export interface Setting {
  /** Where it stands in the YAML file: `session.maxLifetime`. */
  readonly path: string
  readonly env: string | undefined
  readonly meaning: string
  readonly secret: boolean
  readonly required: boolean
  /** Its default, or in words what being unset means, in Markdown. */
  readonly whenUnset: string
}

/** Every leaf below `schema`, in the order of the schema. */
export function settingsOf(schema: z.core.$ZodType, path = ''): readonly Setting[] {
  const entry = entries.get(schema)
  if (entry !== undefined) return [{ ...entry, path, secret: entry.secret ?? false }]
  const inner = schema instanceof z.ZodPrefault ? schema.unwrap() : schema
  if (!(inner instanceof z.ZodObject)) throw new Error(`${path} says nothing about itself`)
  return Object.entries(inner.shape).flatMap(([key, child]) =>
    settingsOf(child as z.core.$ZodType, path === '' ? key : `${path}.${key}`),
  )
}
