import { defineConfig } from 'vitest/config'

// `node_modules/.bin/vitest` called directly runs on whatever node is first on the PATH; `npm run` and `npx` do not.
if (Number(process.versions.node.split('.')[0]) < 24) {
  throw new Error(`Node 24 is needed, this is ${process.version}: use "npm test" or "npx vitest"`)
}

const project = (name: string, options: object = {}) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], ...options },
})

export default defineConfig({
  test: {
    reporters: ['default', './test/support/tally.ts'],
    projects: [
      project('unit'),
      project('integration', { fileParallelism: false, testTimeout: 20_000, hookTimeout: 30_000 }),
      project('e2e', { fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 }),
    ],
  },
})
