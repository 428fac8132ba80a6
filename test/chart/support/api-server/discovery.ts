// What a client asks before anything else: which version, which kinds, and whether fields are validated here.

import { RESOURCES, apiVersionOf, type Resource } from './resources.ts'

const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch']

export interface Served {
  /** Of Kubernetes 1. */
  readonly minor: number
  /** API groups that this cluster does not have. */
  readonly lacks: readonly string[]
}

/** The answer to a discovery request, or undefined when the path is another's. */
export function discover(path: string, { minor, lacks }: Served): object | undefined {
  const served = RESOURCES.filter(({ group }) => !lacks.includes(group))
  if (path === '/version') {
    return { major: '1', minor: `${minor}`, gitVersion: `v1.${minor}.0`, platform: 'linux/amd64' }
  }
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] }
  if (path === '/apis') return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups(served) }
  if (path === '/openapi/v3') return { paths: Object.fromEntries(documents(served)) }
  const [, root = '', api = ''] = /^\/(api|apis|openapi\/v3\/apis?)\/(.+)$/.exec(path) ?? []
  const resources = served.filter((resource) => apiVersionOf(resource) === api)
  if (resources.length === 0) return undefined
  return root.startsWith('openapi') ? openApi(resources) : resourceList(api, resources)
}

function groups(served: readonly Resource[]): object[] {
  const named = new Map(served.map(({ group, version }) => [group, version]))
  named.delete('')
  return [...named].map(([name, version]) => {
    const only = { groupVersion: `${name}/${version}`, version }
    return { name, versions: [only], preferredVersion: only }
  })
}

function resourceList(groupVersion: string, resources: readonly Resource[]): object {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: resources.map(({ plural, kind, isNamespaced }) => ({
      name: plural,
      singularName: kind.toLowerCase(),
      namespaced: isNamespaced,
      kind,
      verbs: VERBS,
    })),
  }
}

function* documents(served: readonly Resource[]): Generator<[string, object]> {
  for (const api of new Set(served.map(apiVersionOf))) {
    const path = api.includes('/') ? `apis/${api}` : `api/${api}`
    yield [path, { serverRelativeURL: `/openapi/v3/${path}` }]
  }
}

/** Enough for a client to see that `fieldValidation` is known here, so that it does not validate by itself. */
function openApi(resources: readonly Resource[]): object {
  const paths = resources.map((resource) => {
    const { group, version, kind, plural } = resource
    const parameters = ['fieldValidation', 'dryRun'].map((name) => ({ name, in: 'query' }))
    const operation = { parameters, 'x-kubernetes-group-version-kind': { group, version, kind } }
    return [`/${plural}/{name}`, { patch: operation }]
  })
  return { openapi: '3.0.0', info: { title: 'Kubernetes' }, paths: Object.fromEntries(paths) }
}
