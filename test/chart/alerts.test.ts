// The alerts of the PrometheusRule, as Prometheus' own promtool judges them.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { promtool } from '../support/prometheus.ts'
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts'
import { alertRules, ruleFile, type AlertRule } from './support/alert-rules.ts'
import { ROOT, template, MINIMAL as MINIMAL_PATH } from './support/helm.ts'
import { parseObjects } from './support/objects.ts'

const JOB = { job: 'desk-ghostwire-gateway-admin', namespace: 'home' }
const DAY = 86_400

/** A series of the gateway: name, further labels, and values a minute apart in promtool's notation. */
type Given = readonly [name: string, labels: Readonly<Record<string, string>>, values: string]

interface Case {
  readonly when: string
  readonly alert: string
  readonly given: readonly Given[]
  readonly at: string
  /** Labels of the alert that fires besides those of the rule; undefined: it does not fire. */
  readonly fires?: Readonly<Record<string, string>>
  /** `$value` in its annotations, as they show it. */
  readonly value?: string
}

const up = (values: string, pod = 'a'): Given => ['up', { pod }, values]
const provider = { provider: 'staff' }
const logins = (outcome: string, reason: string, values: string): Given => [
  'ghostwire_logins_total',
  { ...provider, outcome, reason, pod: 'a' },
  values,
]
const refreshes = (outcome: string, values: string): Given => [
  'ghostwire_session_refreshes_total',
  { ...provider, outcome, pod: 'a' },
  values,
]
const ended = (reason: string, values: string): Given => [
  'ghostwire_sessions_ended_total',
  { reason, pod: 'a' },
  values,
]
const isUp = (part: string, values: string, labels = {}): Given => [
  `ghostwire_${part}_up`,
  { ...labels, pod: 'a' },
  values,
]
const certificate = (ends: number): Given => [
  'ghostwire_certificate_expiry_timestamp_seconds',
  { name: 'listener', pod: 'a' },
  `${ends}x200`,
]
const connections = (open: number): readonly Given[] => [
  ['ghostwire_connections_open', { pod: 'a' }, `${open}x20`],
  ['ghostwire_connections_limit', { pod: 'a' }, '1000x20'],
]

const CASES: readonly Case[] = [
  {
    alert: 'GhostwireGatewayDown',
    when: 'no replica answers',
    given: [up('1x3 0x20'), up('0x24', 'b')],
    at: '12m',
    fires: {},
  },
  { alert: 'GhostwireGatewayDown', when: 'nothing is scraped', given: [], at: '12m', fires: JOB },
  {
    alert: 'GhostwireGatewayDown',
    when: 'one replica answers',
    given: [up('0x20'), up('1x20', 'b')],
    at: '12m',
  },
  { alert: 'GhostwireGatewayDown', when: 'it has just begun', given: [up('1x10 0x10')], at: '14m' },
  {
    alert: 'GhostwireProviderDown',
    when: 'one replica is cut off',
    given: [
      isUp('provider', '0x20', provider),
      ['ghostwire_provider_up', { ...provider, pod: 'b' }, '1x20'],
    ],
    at: '10m',
    fires: provider,
  },
  {
    alert: 'GhostwireProviderDown',
    when: 'it was away for a moment',
    given: [isUp('provider', '1x4 0x3 1x20', provider)],
    at: '10m',
  },
  {
    alert: 'GhostwireStoreDown',
    when: 'it takes no writes',
    given: [isUp('store', '0x20')],
    at: '3m',
    fires: {},
  },
  { alert: 'GhostwireStoreDown', when: 'it works', given: [isUp('store', '1x20')], at: '10m' },
  {
    alert: 'GhostwireDesktopDown',
    when: 'nobody gets in',
    given: [isUp('desktop', '0x20')],
    at: '11m',
    fires: {},
  },
  {
    alert: 'GhostwireDesktopDown',
    when: 'it starts',
    given: [isUp('desktop', '0x6 1x20')],
    at: '11m',
  },
  {
    alert: 'GhostwireSignInsFailing',
    when: 'three of four fail at the provider',
    given: [
      logins('failed', 'provider-misconfigured', '0x4 3x30'),
      logins('ok', 'allowGroups', '0x4 1x30'),
    ],
    at: '12m',
    fires: provider,
    value: '75',
  },
  {
    alert: 'GhostwireSignInsFailing',
    when: 'people cancel and go back',
    given: [
      logins('failed', 'login-used', '0x4 9x30'),
      logins('failed', 'provider-declined', '0x4 9x30'),
      logins('failed', 'clock', '0x40'),
    ],
    at: '12m',
  },
  {
    alert: 'GhostwireSignInsFailing',
    when: 'one of four fails',
    given: [
      logins('failed', 'provider-error', '0x4 1x30'),
      logins('ok', 'allowGroups', '0x4 3x30'),
    ],
    at: '12m',
  },
  {
    alert: 'GhostwireSignInsFailing',
    when: 'nobody signs in',
    given: [logins('failed', 'clock', '0x40')],
    at: '30m',
  },
  {
    alert: 'GhostwireCertificateEndsSoon',
    when: 'it ends in ten days',
    given: [certificate(10 * DAY + 7_200)],
    at: '2h',
    fires: { name: 'listener' },
    value: '10.0',
  },
  {
    alert: 'GhostwireCertificateEndsSoon',
    when: 'it has ended',
    given: [certificate(60)],
    at: '2h',
    fires: { name: 'listener' },
    value: '-0.1',
  },
  {
    alert: 'GhostwireCertificateEndsSoon',
    when: 'it ends in a month',
    given: [certificate(30 * DAY)],
    at: '2h',
  },
  {
    alert: 'GhostwireConnectionsNearLimit',
    when: 'nine of ten places are taken',
    given: connections(900),
    at: '6m',
    fires: {},
    value: '90',
  },
  { alert: 'GhostwireConnectionsNearLimit', when: 'half are', given: connections(500), at: '6m' },
  {
    alert: 'GhostwireRefreshesFailing',
    when: 'most fail',
    given: [refreshes('unavailable', '0+4x30'), refreshes('refreshed', '0+1x30')],
    at: '12m',
    fires: provider,
    value: '80',
  },
  {
    alert: 'GhostwireRefreshesFailing',
    when: 'people are refused',
    given: [refreshes('refused', '0+4x30'), refreshes('unavailable', '0x30')],
    at: '12m',
  },
  {
    alert: 'GhostwireSessionsEndedByOutage',
    when: 'the grace was too short',
    given: [ended('provider-lost', '0x4 2x30'), ended('store-lost', '0x40')],
    at: '7m',
    fires: { reason: 'provider-lost' },
    value: '2',
  },
  {
    alert: 'GhostwireSessionsEndedByOutage',
    when: 'people go home',
    given: [ended('signed-out', '0+5x30'), ended('idle', '0+5x30'), ended('store-lost', '0x40')],
    at: '7m',
  },
]

let folder: TemporaryFolder
let rules: string
beforeAll(() => {
  folder = makeTemporaryFolder('ghostwire-alerts')
  rules = join(folder.path, 'rules.yaml')
  // JSON is YAML.
  writeFileSync(rules, JSON.stringify(ruleFile()))
})
afterAll(() => folder.remove())

/** What promtool expects of an alert that fires. */
function firing(rule: AlertRule, { fires = {}, value = '' }: Case): object {
  const shown = Object.entries(rule.annotations).map(([name, text]) => [
    name,
    text
      .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => fires[label] ?? '')
      .replaceAll(/\{\{ \$value [^}]*\}\}/g, value),
  ])
  return {
    exp_labels: { ...fires, ...rule.labels },
    exp_annotations: Object.fromEntries(shown) as Record<string, string>,
  }
}

async function judge(one: Case): Promise<{ code: number; output: string }> {
  const rule = alertRules().find(({ alert }) => alert === one.alert)
  if (rule === undefined) throw new Error(`there is no ${one.alert}`)
  const series = one.given.map(([name, labels, values]) => {
    const matchers = Object.entries({ ...JOB, ...labels }).map(([key, text]) => `${key}="${text}"`)
    return { series: `${name}{${matchers.join(',')}}`, values }
  })
  const file = join(folder.path, `${one.alert}.yaml`)
  const expected = one.fires === undefined ? [] : [firing(rule, one)]
  const test = {
    interval: '1m',
    input_series: series,
    alert_rule_test: [{ eval_time: one.at, alertname: one.alert, exp_alerts: expected }],
  }
  writeFileSync(
    file,
    JSON.stringify({ rule_files: [rules], evaluation_interval: '1m', tests: [test] }),
  )
  return promtool('test', 'rules', file)
}

it('promtool accepts the rules', async () => {
  const { code, output } = await promtool('check', 'rules', rules)
  expect(output).toContain(`SUCCESS: ${alertRules().length} rules found`)
  expect(code).toBe(0)
})

describe('an alert', () => {
  it.each(CASES.filter(({ fires }) => fires !== undefined))(
    '$alert fires when $when',
    async (one) => {
      expect(await judge(one)).toMatchObject({
        code: 0,
        output: expect.stringContaining('SUCCESS'),
      })
    },
  )

  it.each(CASES.filter(({ fires }) => fires === undefined))(
    '$alert does not fire when $when',
    async (one) => {
      expect(await judge(one)).toMatchObject({
        code: 0,
        output: expect.stringContaining('SUCCESS'),
      })
    },
  )

  it('is tested both ways, whichever it is', () => {
    for (const { alert } of alertRules()) {
      const own = CASES.filter((one) => one.alert === alert)
      expect(new Set(own.map(({ fires }) => fires !== undefined)), alert).toEqual(
        new Set([true, false]),
      )
    }
  })

  it('leads to its paragraph in the runbook', () => {
    const page = readFileSync(join(ROOT, 'docs/troubleshooting-advanced.md'), 'utf8')
    const headings = [...page.matchAll(/^## (Ghostwire\w+)$/gm)].map(([, heading = '']) => heading)
    expect(headings).toEqual(alertRules().map(({ alert }) => alert))
    for (const { alert, annotations } of alertRules()) {
      expect(annotations['runbook_url']).toMatch(
        new RegExp(`/docs/troubleshooting-advanced\\.md#${alert.toLowerCase()}$`),
      )
    }
  })
})

it('the values choose the metrics, thresholds, labels and alerts', async () => {
  const set = {
    prometheusrule: {
      enabled: true,
      selector: 'job="gw"',
      alertLabels: { severity: 'page' },
      disabled: ['GhostwireDesktopDown'],
      runbookUrl: 'https://wiki.example.com/desk',
      thresholds: { certificateDays: 30 },
    },
  }
  const { stdout } = await template({ values: [MINIMAL_PATH], set })
  const found = ruleFile(parseObjects(stdout)).groups.flatMap(({ rules: own }) => own)
  expect(found.map(({ alert }) => alert)).not.toContain('GhostwireDesktopDown')
  expect(found).toHaveLength(alertRules().length - 1)
  for (const { alert, expr, labels, annotations } of found) {
    expect(expr).toMatch(/\{job="gw"[,}]/)
    expect(expr).not.toContain('desk-ghostwire')
    expect(labels).toEqual({ severity: 'page' })
    expect(annotations['runbook_url']).toBe(`https://wiki.example.com/desk#${alert.toLowerCase()}`)
  }
  const ends = found.find(({ alert }) => alert === 'GhostwireCertificateEndsSoon')
  expect(ends?.expr).toMatch(/ < 30$/)
})
