// Settings of the contract that restrict somebody and that this version does not enforce. They are refused, never
// accepted in silence. The change that enforces one deletes its row here, and nothing else.

import { problem, type Problem } from '../read/problem.ts'
import { valueAt, type Tree } from '../read/tree.ts'
import type { WrittenRule, WrittenSettings } from '../schema/written-settings.ts'

export interface NotYet {
  /** YAML path; `access[]` stands for each of the rules. */
  readonly setting: string
  /** Which values of it; undefined: any. */
  readonly value?: string
  readonly restricts?: (written: WrittenSettings, rule: WrittenRule) => boolean
}

const isRfb = ({ desktop }: WrittenSettings): boolean => desktop.kind === 'rfb'

export const NOT_YET: readonly NotYet[] = [
  { setting: 'viewGroups', value: 'view of a desktop of kind rfb', restricts: isRfb },
  { setting: 'viewEmails', value: 'view of a desktop of kind rfb', restricts: isRfb },
  { setting: 'clipboardIn', value: 'deny', restricts: (written) => written.clipboardIn === 'deny' },
  {
    setting: 'access[].role',
    value: 'view of a desktop of kind rfb',
    restricts: (written, { role }) => role === 'view' && isRfb(written),
  },
  {
    setting: 'access[].clipboardIn',
    value: 'deny',
    restricts: (_, rule) => rule.clipboardIn === 'deny',
  },
]

/** Defaults are not judged: only what `tree` says. */
export function refuseNotYet(written: WrittenSettings, tree: Tree): readonly Problem[] {
  const rules = written.access ?? []
  return NOT_YET.flatMap(({ setting, value, restricts = () => true }) => {
    const places = setting.startsWith('access[]')
      ? rules.flatMap((rule, index) =>
          restricts(written, rule) ? [setting.replace('[]', `[${index}]`)] : [],
        )
      : valueAt(tree, setting) !== undefined && restricts(written, {})
        ? [setting]
        : []
    const what = value === undefined ? '' : `${value} `
    return places.map((place) =>
      problem(place, `${what}is not enforced by this version yet; remove it`),
    )
  })
}
