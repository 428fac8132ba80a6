import { totalmem } from 'node:os'
import { describe, expect, it } from 'vitest'
import type { Settings } from '../../../src/config/config.ts'
import { chooseMaxConnections, maxConnectionsFor } from '../../../src/net/max-connections.ts'

const MIB = 1_024 * 1_024
const PLENTY = { memory: 1e12, heap: 1e12, openFiles: 1e9 }
const plain = { tls: false }

describe('the maximum number of connections', () => {
  it.each([
    ['memory', { ...PLENTY, memory: 512 * MIB }, 2_730],
    ['heap', { ...PLENTY, heap: 259 * MIB }, 2_762],
    ['open files', { ...PLENTY, openFiles: 1_024 }, 462],
  ])('follows the %s', (_, resources, most) => {
    expect(maxConnectionsFor(resources, plain)).toBe(most)
  })

  it('is lower with TLS, which needs memory for each connection', () => {
    const resources = { ...PLENTY, memory: 512 * MIB }
    expect(maxConnectionsFor(resources, { tls: true })).toBe(1_638)
  })

  it('is 64 in the smallest container', () => {
    expect(maxConnectionsFor({ memory: 1, heap: 1, openFiles: 1 }, plain)).toBe(64)
  })

  it('fits into half of the memory and half of the heap in the worst case', () => {
    for (let memory = 128 * MIB; memory < 8_192 * MIB; memory *= 2) {
      const most = maxConnectionsFor({ ...PLENTY, memory, heap: memory / 2 }, plain)
      expect(most * 34 * 1_024).toBeLessThan(memory / 4)
      expect(most * 68 * 1_024).toBeLessThan(memory / 2)
    }
  })

  const settingsWith = (connections: number | undefined): Settings =>
    ({ limits: { connections }, tls: undefined }) as unknown as Settings

  it('follows this process and machine unless it is set', () => {
    const warnings: string[] = []
    const most = chooseMaxConnections(settingsWith(undefined), '', (line) => warnings.push(line))
    expect(most).toBeGreaterThanOrEqual(64)
    expect(most).toBeLessThanOrEqual(totalmem() / (96 * 1_024) / 2)
    expect(chooseMaxConnections(settingsWith(7), '', (line) => warnings.push(line))).toBe(7)
    expect(warnings).toEqual([])
  })

  it('can be set higher than the memory allows, with a warning that names the setting', () => {
    const warnings: string[] = []
    const most = chooseMaxConnections(settingsWith(1_000_000), '', (line) => warnings.push(line))
    expect(most).toBe(1_000_000)
    expect(warnings).toEqual([expect.stringContaining('GATEWAY_LIMITS_CONNECTIONS')])
  })

  it('follows the option that limits the heap, in every spelling', () => {
    for (const option of [
      '--max-old-space-size=96',
      '--max_old_space_size=96',
      '--max-old-space-size 96',
    ]) {
      const most = chooseMaxConnections(settingsWith(undefined), `--a ${option} --b`, () => {})
      expect(most).toBe(1_024)
    }
  })
})
