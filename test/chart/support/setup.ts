// Before the first test: helm is there, and every values file is rendered, once for all tests.

import type { TestProject } from 'vitest/node'
import { findHelm, findOldestHelm } from './find-helm.ts'
import { template, valuesFiles, type Outcome } from './helm.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Name of a values file → what `helm template` made of it. */
    readonly renders: Readonly<Record<string, Outcome>>
  }
}

export async function setup(project: TestProject): Promise<void> {
  await Promise.all([findHelm(), findOldestHelm()])
  const rendered = valuesFiles().map(
    async ({ name, path }) => [name, await template({ values: [path] })] as const,
  )
  project.provide('renders', Object.fromEntries(await Promise.all(rendered)))
}
