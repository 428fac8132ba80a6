// The oldest helm that Chart.yaml allows renders the same objects as the current one: the templates need nothing newer.

import { beforeAll, expect, it } from 'vitest'
import { findOldestHelm } from './support/find-helm.ts'
import { CHART, helm, template, valuesFiles } from './support/helm.ts'
import { parseObjects, withoutSecrets } from './support/objects.ts'
import { renderedObjects } from './support/renders.ts'

let program: string
beforeAll(async () => {
  program = await findOldestHelm()
})

it.each(valuesFiles())('$name', async ({ name, path }) => {
  const { code, stdout, stderr } = await template({ values: [path], program })
  expect(code, stderr).toBe(0)
  expect(withoutSecrets(parseObjects(stdout))).toEqual(withoutSecrets(renderedObjects(name)))
  const lint = await helm(['lint', CHART, '--strict', '--values', path], { program })
  expect(lint.code, lint.stdout).toBe(0)
})
