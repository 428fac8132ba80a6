// The gateway starts with the settings of every values file, and understands them as the other objects do.

import type { IService } from 'kubernetes-models/v1/Service'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { checkConfig } from './support/check-config.ts'
import { componentOf } from './support/lint.ts'
import { ofKind, podOwners } from './support/objects.ts'
import { renderedObjects, renderNames, WITHOUT_GATEWAY } from './support/renders.ts'

interface Settings {
  readonly publicUrl: string
  readonly listen: string
  readonly adminListen: string
  readonly adminHosts: readonly string[]
  readonly desktop: { readonly url: string }
}

/** Settings that the gateway accepts with a warning. */
const WARNINGS: Readonly<Record<string, RegExp>> = {
  'chart/ci/desktop-tls-image-values.yaml': /^warning: \S+ \(desktop\.tls\.insecure\): .*\n$/,
}

describe.each(renderNames().filter((name) => name !== WITHOUT_GATEWAY))('%s', (name) => {
  it('has settings that the gateway accepts', async () => {
    const objects = renderedObjects(name)
    const { code, stdout, stderr } = await checkConfig(objects)
    expect(stderr).toMatch(WARNINGS[name] ?? /^$/)
    expect(code).toBe(0)

    const settings = parse(stdout) as Settings
    const { hostname, port } = new URL(settings.desktop.url)
    const [service = '', namespace = 'home'] = hostname.split('.')
    expect(namespace).toBe('home')
    const desktop = ofKind<IService>(objects, 'Service').find(
      ({ metadata }) => metadata.name === service,
    )
    expect(desktop?.spec?.ports?.map((one) => String(one.port))).toContain(port)

    const gateway = podOwners(objects).find(
      (owner) => componentOf(owner) === 'gateway' && owner.object.kind === 'Deployment',
    )
    const ports = gateway?.template.spec.containers[0]?.ports?.map(
      ({ containerPort }) => containerPort,
    )
    // The admin listener answers to the name of the admin Service.
    const admin = ofKind<IService>(objects, 'Service').filter(
      (object) => object.metadata.labels?.['app.kubernetes.io/component'] === 'gateway-admin',
    )
    expect(settings.adminHosts).toEqual(
      admin.flatMap(({ metadata }) =>
        ['', '.home', '.home.svc', '.home.svc.cluster.local'].map((end) => metadata.name + end),
      ),
    )
    for (const listen of [settings.listen, settings.adminListen]) {
      expect(ports).toContain(Number(listen.split(':').at(-1)))
    }
  })
})
