// What the Dockerfile says of itself; what comes of it is proven by scripts/prove-image.sh.

import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const STAGES = readFileSync('Dockerfile', 'utf8')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split(/^(?=FROM )/m)
const [HEAD = ''] = STAGES
const FINAL = STAGES.at(-1) ?? ''

it('names its base image by tag and digest, in one place', () => {
  expect(HEAD).toMatch(
    /^ARG NODE_IMAGE=docker\.io\/library\/node:24\.\d+\.\d+-[\w-]+@sha256:[0-9a-f]{64}$/m,
  )
  for (const stage of STAGES.slice(1)) {
    expect(stage).toMatch(/^FROM (\$\{NODE_IMAGE\} AS \w+|manifest AS \w+|runtime)\n/)
  }
})

it('ends with a stage without package managers, which only copies files', () => {
  expect(FINAL).toMatch(/^FROM runtime\n/)
  expect(FINAL).not.toMatch(/^RUN /m)
  const runtime = STAGES.find((stage) => stage.startsWith('FROM ${NODE_IMAGE} AS runtime\n')) ?? ''
  for (const path of [
    '/usr/local/lib/node_modules',
    '/opt/yarn-*',
    ...['npm', 'npx', 'corepack', 'yarn', 'yarnpkg'].map((name) => `/usr/local/bin/${name}`),
  ]) {
    expect(runtime.split(/\s+/)).toContain(path)
  }
})
