// Every object of every values file is valid for Kubernetes, follows the lint rules, and has secure pods.

import { describe, expect, it } from 'vitest'
import { isScalar, parseAllDocuments, visit } from 'yaml'
import { CHART, helm, template, valuesFiles } from './support/helm.ts'
import { lintFaults } from './support/lint.ts'
import { nameOf, ofKind, parseObjects, podOwners, withoutSecrets } from './support/objects.ts'
import { restrictedViolations } from './support/pod-security.ts'
import { rendered, renderedObjects, renderNames, WITHOUT_GATEWAY } from './support/renders.ts'
import { schemaFaults, unservedKinds } from './support/strict-schemas.ts'

it('finds the values files', () => {
  const names = renderNames()
  expect(names.filter((name) => name.startsWith('chart/ci/')).length).toBeGreaterThan(10)
  expect(names).toContain('examples/values-production.yaml')
})

describe.each(valuesFiles())('$name', ({ name, path }) => {
  it('passes helm lint --strict', async () => {
    const { code, stdout, stderr } = await helm(['lint', CHART, '--strict', '--values', path])
    expect(code, stdout + stderr).toBe(0)
  })

  it('renders objects that a strict API server accepts', async () => {
    const objects = renderedObjects(name)
    expect(objects.length).toBeGreaterThan(5)
    expect(unservedKinds(objects)).toEqual([])
    expect(await schemaFaults(objects)).toEqual([])
  })

  it('follows the lint rules', () => {
    expect(lintFaults(renderedObjects(name))).toEqual([])
  })

  it('has only pods that Pod Security “restricted” admits', () => {
    const owners = podOwners(renderedObjects(name))
    const kinds = name === WITHOUT_GATEWAY ? ['StatefulSet'] : ['Deployment', 'StatefulSet', 'Pod']
    expect(owners.map((owner) => owner.object.kind)).toEqual(expect.arrayContaining(kinds))
    const violations = owners.flatMap((owner) =>
      restrictedViolations(owner.template).map((violation) => `${owner.name}: ${violation}`),
    )
    expect(violations).toEqual([])
  })

  // An empty list or map that a template indents leaves them behind.
  it('has no trailing spaces', () => {
    expect(trailingBlanks(rendered(name))).toEqual([])
  })

  // GitOps tools render repeatedly without a cluster and apply differences.
  it('renders the same twice, except for generated secrets', async () => {
    const again = await template({ values: [path] })
    expect(withoutSecrets(parseObjects(again.stdout))).toEqual(
      withoutSecrets(renderedObjects(name)),
    )
    if (ofKind(renderedObjects(name), 'Secret').length === 0)
      expect(again.stdout).toBe(rendered(name))
  })

  it('labels every object with the release', () => {
    for (const object of renderedObjects(name)) {
      const { labels = {} } = object.metadata
      if (labels['app.kubernetes.io/instance'] === undefined && isExtra(object.metadata.name))
        continue
      expect(labels, nameOf(object)).toMatchObject({
        'app.kubernetes.io/instance': 'desk',
        'app.kubernetes.io/managed-by': 'Helm',
        'helm.sh/chart': expect.stringMatching(/^ghostwire-\d/),
      })
    }
  })
})

/** What the user adds by `extraObjects` carries the user's labels; the chart's own begin with the release's name. */
function isExtra(name: string): boolean {
  return !name.startsWith('desk-')
}

/** Line numbers, without the lines of texts (scripts, settings). */
function trailingBlanks(yaml: string): number[] {
  let structure = yaml
  for (const document of parseAllDocuments(yaml)) {
    visit(document, (_, node) => {
      if (!isScalar(node) || !node.type?.startsWith('BLOCK') || !node.range) return
      const [from, to] = node.range
      const text = structure.slice(from, to).replace(/[ \t]+$/gm, '')
      structure = structure.slice(0, from) + text.padEnd(to - from, '\0') + structure.slice(to)
    })
  }
  const lines = structure.split('\n')
  return lines.flatMap((line, index) => (/[ \t]$/.test(line) ? [index + 1] : []))
}
