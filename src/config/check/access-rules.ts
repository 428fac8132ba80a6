// Turns the lists (`allowGroups`, …) or the YAML rules into one list of access rules. The first match decides.

import type { AccessRule, Role, RuleMatch } from '../config.ts'
import { nameOf, problem, type Problem } from '../read/problem.ts'
import type { Tree } from '../../lib/tree.ts'
import { valueAt } from '../read/tree.ts'
import type { WrittenRule, WrittenSettings } from '../schema/written-settings.ts'

const ALLOW_LISTS = ['allowGroups', 'allowEmails', 'allowEmailDomains'] as const
const VIEW_LISTS = ['viewGroups', 'viewEmails'] as const
const SHORTHAND = [...ALLOW_LISTS, 'allowAnyone', ...VIEW_LISTS] as const

type List = (typeof ALLOW_LISTS)[number] | (typeof VIEW_LISTS)[number]

const PART_OF: Readonly<Record<List, 'groups' | 'emails' | 'emailDomains'>> = {
  allowGroups: 'groups',
  allowEmails: 'emails',
  allowEmailDomains: 'emailDomains',
  viewGroups: 'groups',
  viewEmails: 'emails',
}

const NOBODY: RuleMatch = { provider: [], groups: [], emails: [], emailDomains: [], claims: {} }

/** In the order of evaluation: control before view. */
export function compileRules(written: WrittenSettings): readonly AccessRule[] {
  const { clipboardIn, downloads } = written
  const rule = (id: string, match: RuleMatch | undefined, role: Role): AccessRule => ({
    id,
    match,
    role,
    require: undefined,
    clipboardIn,
    downloads,
  })
  const fromList = (list: List, role: Role): readonly AccessRule[] => {
    const entries = written[list] ?? []
    return entries.length === 0 ? [] : [rule(list, { ...NOBODY, [PART_OF[list]]: entries }, role)]
  }
  const fromYaml = ({ match, role, ...own }: WrittenRule, index: number): AccessRule | undefined =>
    match === undefined || role === undefined
      ? undefined
      : {
          id: `access[${index}]`,
          match,
          role,
          require: own.require,
          clipboardIn: own.clipboardIn ?? clipboardIn,
          downloads: own.downloads ?? downloads,
        }
  return [
    ...ALLOW_LISTS.flatMap((list) => fromList(list, 'control')),
    ...(written.allowAnyone === false ? [] : [rule('allowAnyone', undefined, 'control')]),
    ...VIEW_LISTS.flatMap((list) => fromList(list, 'view')),
    ...(written.access ?? []).map(fromYaml).filter((compiled) => compiled !== undefined),
  ]
}

/** `tree` shows which settings were given, even when their value is the default. */
export function checkAccess(written: WrittenSettings, tree: Tree): readonly Problem[] {
  const problems = (written.access ?? []).flatMap(checkRule)
  if (valueAt(tree, 'access') !== undefined) {
    const extra = SHORTHAND.filter((name) => valueAt(tree, name) !== undefined)
    const words = 'must not be given together with access; write it as a rule in access'
    problems.push(...extra.map((name) => problem(name, words)))
  }
  if (problems.length === 0 && compileRules(written).length === 0) {
    const words = `must say who may sign in; or set ${nameOf('allowAnyone')}, or write rules in access`
    problems.push(problem(['allowGroups', 'access', ...SHORTHAND], words))
  }
  return problems
}

function checkRule(
  { match, role, require: needed }: WrittenRule,
  index: number,
): readonly Problem[] {
  const problems: Problem[] = []
  if (needed !== undefined && needed.acr.length === 0 && needed.maxAge === undefined) {
    problems.push(problem(`access[${index}].require`, 'must name acr or maxAge, or both'))
  }
  if (isEmpty(match ?? NOBODY)) {
    const words = `must not be empty: an empty match matches nobody; to let in any signed-in person, use ${nameOf('allowAnyone')} instead of access`
    problems.push(problem(`access[${index}].match`, words))
  }
  if (role === undefined) {
    problems.push(problem(`access[${index}].role`, 'must be one of control, view, owner'))
  }
  return problems
}

function isEmpty({ provider, groups, emails, emailDomains, claims }: RuleMatch): boolean {
  return [provider, groups, emails, emailDomains, Object.keys(claims)].every(
    (part) => part.length === 0,
  )
}
