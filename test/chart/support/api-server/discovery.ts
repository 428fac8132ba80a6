// What a client asks before anything else: which version, which kinds, and whether fields are validated here.

import { RESOURCES, apiVersionOf, type Resource } from './resources.ts'

const VERSION = { major: '1', minor: '36', gitVersion: 'v1.36.0', platform: 'linux/amd64' }
const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch']

/** The answer to a discovery request, or undefined when the path is another's. */
export function discover(path: string): object | undefined {
  if (path === '/version') return VERSION
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] }
  if (path === '/apis') return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups() }
  if (path === '/openapi/v3') return { paths: Object.fromEntries(documents()) }
  const [, root = '', api = ''] = /^\/(api|apis|openapi\/v3\/apis?)\/(.+)$/.exec(path) ?? []
  const resources = RESOURCES.filter((resource) => apiVersionOf(resource) === api)
  if (resources.length === 0) return undefined
  return root.startsWith('openapi') ? openApi(resources) : resourceList(api, resources)
}

function groups(): object[] {
  const named = new Map(RESOURCES.map(({ group, version }) => [group, version]))
  named.delete('')
  return [...named].map(([name, version]) => {
    const served = { groupVersion: `${name}/${version}`, version }
    return { name, versions: [served], preferredVersion: served }
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

function* documents(): Generator<[string, object]> {
  for (const api of new Set(RESOURCES.map(apiVersionOf))) {
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
