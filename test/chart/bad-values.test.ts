// Values that cannot work end in words that name the key, and never in half of a release.

import { describe, expect, it } from 'vitest'
import { CHART, helm, MINIMAL, template } from './support/helm.ts'

it('asks for what it needs when it is given nothing', async () => {
  const { code, stdout, stderr } = await template()
  expect(code).not.toBe(0)
  expect(stdout).toBe('')
  for (const key of ['gateway.publicUrl', 'oauth2proxy.issuer', 'oauth2proxy.clientId']) {
    expect(stderr).toContain(key)
  }
})

const LONG = 'x'.repeat(64)

/** Values over the baseline → what the error says: the key, and what is wrong with it. */
const BAD: readonly (readonly [what: string, values: object, says: readonly string[]])[] = []

describe('over the baseline', () => {
  it.each(BAD)('%s', async (_, set, says) => {
    const { code, stdout, stderr } = await template({ values: [MINIMAL], set })
    expect(code, stdout).not.toBe(0)
    expect(stdout).toBe('')
    for (const words of says) expect(stderr).toContain(words)
  })
})

void LONG
void CHART
void helm
