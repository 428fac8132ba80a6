// The alerts of the PrometheusRule that the chart renders.

import type { KubernetesObject } from './objects.ts'
import { renderedObjects } from './renders.ts'

export interface AlertRule {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export interface RuleGroups {
  readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[]
}

const ALERTS = 'chart/ci/prometheusrule-values.yaml'

/** What Prometheus reads: the `spec` is a rule file. */
export function ruleFile(
  objects: readonly KubernetesObject[] = renderedObjects(ALERTS),
): RuleGroups {
  const rule = objects.find(({ kind }) => kind === 'PrometheusRule')
  if (rule === undefined) throw new Error('there is no PrometheusRule')
  return rule['spec'] as RuleGroups
}

export function alertRules(): readonly AlertRule[] {
  return ruleFile().groups.flatMap(({ rules }) => rules)
}
