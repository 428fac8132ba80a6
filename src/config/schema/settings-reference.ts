// The rows of docs/configuration.md.

import { NOT_YET } from '../check/not-yet.ts'
import { SETTINGS } from './schema.ts'
import type { Setting } from './setting.ts'

export interface SettingRow extends Setting {
  /** What of it is refused because this version does not enforce it; an empty text: all of it. */
  readonly notYet: readonly string[]
}

/** Every setting, in the order of the schema. */
export function settingsReference(): readonly SettingRow[] {
  return SETTINGS.map((setting) => ({
    ...setting,
    notYet: NOT_YET.filter((row) => row.setting === setting.path).map(({ value }) => value ?? ''),
  }))
}
