// How the desktop's container starts: the options for KasmVNC and kasmweb's start script.

import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import type { IService } from 'kubernetes-models/v1/Service'
import type { IStatefulSet } from 'kubernetes-models/apps/v1/StatefulSet'
import { describe, expect, it } from 'vitest'
import { MINIMAL, template } from './support/helm.ts'
import { ofKind, parseObjects, podOwners, type KubernetesObject } from './support/objects.ts'
import { renderedObjects } from './support/renders.ts'

async function withValues(set: object): Promise<KubernetesObject[]> {
  const { code, stdout, stderr } = await template({ values: [MINIMAL], set })
  expect(code, stderr).toBe(0)
  return parseObjects(stdout)
}

function environmentOf(objects: readonly KubernetesObject[]): Record<string, string | undefined> {
  const [desktop] = podOwners(objects).filter(({ object }) => object.kind === 'StatefulSet')
  const env = desktop?.template.spec.containers[0]?.env ?? []
  return Object.fromEntries(env.map(({ name, value }) => [name, value]))
}

const BASELINE = environmentOf(renderedObjects('chart/ci/minimal-values.yaml'))

// These services open further ports, some without a password, and the web client does not use them.
it.each(['AUDIO', 'AUDIO_INPUT', 'UPLOADS', 'GAMEPAD', 'WEBCAM', 'PRINTER'])(
  'starts no service for %s',
  (service) => {
    expect(BASELINE[`KASM_SVC_${service}`]).toBe('0')
  },
)

it('starts a service that is enabled', async () => {
  const env = environmentOf(await withValues({ desktop: { env: { KASM_SVC_AUDIO: 1 } } }))
  expect(env['KASM_SVC_AUDIO']).toBe('1')
  expect(env['KASM_SVC_UPLOADS']).toBe('0')
})

it('opens its further ports only to the gateway', async () => {
  const extraPorts = [{ name: 'audio', port: 4901 }]
  const objects = await withValues({ desktop: { extraPorts } })
  const [service] = ofKind<IService>(objects, 'Service').filter(
    ({ metadata }) => metadata.name === 'desk-ghostwire-desktop',
  )
  expect(service?.spec?.ports?.map(({ port }) => port)).toEqual([6901, 4901])
  const [policy] = ofKind<INetworkPolicy>(objects, 'NetworkPolicy').filter(
    ({ metadata }) => metadata.name === 'desk-ghostwire-desktop',
  )
  const [rule, ...others] = policy?.spec?.ingress ?? []
  expect(others).toEqual([])
  expect(rule?.from).toEqual([
    {
      podSelector: {
        matchLabels: expect.objectContaining({ 'app.kubernetes.io/component': 'gateway' }),
      },
    },
  ])
  expect(rule?.ports?.map(({ port }) => port)).toEqual([6901, 4901])
})

describe('KasmVNC', () => {
  const optionsOf = (env: Record<string, string | undefined>): string => ` ${env['VNCOPTIONS']} `

  it('bans nobody, disconnects nobody, asks no server for its address, and keeps its password', () => {
    const options = optionsOf(BASELINE)
    for (const option of ['-BlacklistThreshold=0', '-AlwaysShared', '-publicIP 127.0.0.1']) {
      expect(options).toContain(` ${option} `)
    }
    expect(options).not.toMatch(/disablebasicauth/i)
  })

  // The start script's own arguments come first, and the last one counts.
  it('gets the chart’s own options after those of the values', async () => {
    const env = environmentOf(await withValues({ desktop: { vncOptions: '-FrameRate=30' } }))
    expect(env['VNCOPTIONS']).toMatch(/^-FrameRate=30 -BlacklistThreshold=0 /)
  })

  it.each([
    ['off', '-sslOnly 0'],
    ['image', undefined],
    ['secret', '-cert /run/secrets/desktop-tls/tls.crt -key /run/secrets/desktop-tls/tls.key'],
  ])('with TLS %s gets the option %s', async (mode, wanted) => {
    const tls = { mode, existingSecret: mode === 'secret' ? 'tls' : '' }
    const options = optionsOf(environmentOf(await withValues({ desktop: { tls } })))
    const told = / (-sslOnly \d|-cert \S+ -key \S+) /.exec(options)?.[1]
    expect(told).toBe(wanted)
  })
})

it('does not change the desktop’s pod if only the chart’s version changes', async () => {
  const [set] = ofKind<IStatefulSet>(await withValues({}), 'StatefulSet')
  const pod = JSON.stringify(set?.spec?.template)
  expect(pod).not.toContain('helm.sh/chart')
  expect(pod).not.toContain('app.kubernetes.io/version')
  expect(pod).not.toContain('checksum/')
})
