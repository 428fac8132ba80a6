// What setup.ts rendered, as objects.

import { inject } from 'vitest'
import { parseObjects, type KubernetesObject } from './objects.ts'

export const MINIMAL = 'chart/ci/minimal-values.yaml'

/** Somebody else's oauth2-proxy has the gateway's place there. */
export const WITHOUT_GATEWAY = 'chart/ci/external-oauth2proxy-values.yaml'

/** The names of all values files, the baseline among them. */
export function renderNames(): string[] {
  return Object.keys(inject('renders'))
}

/** As text. @throws what helm said when it would not render them. */
export function rendered(name: string): string {
  const outcome = inject('renders')[name]
  if (outcome === undefined) throw new Error(`there is no ${name}`)
  if (outcome.code !== 0) throw new Error(`${name}: ${outcome.stderr}`)
  return outcome.stdout
}

export function renderedObjects(name: string): KubernetesObject[] {
  return parseObjects(rendered(name))
}
