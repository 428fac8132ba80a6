import { defineConfig } from 'vitest/config'

// `node_modules/.bin/vitest` called directly runs on whatever node is first on the PATH; `npm run` and `npx` do not.
if (Number(process.versions.node.split('.')[0]) < 24) {
  throw new Error(`Node 24 is needed, this is ${process.version}: use "npm test" or "npx vitest"`)
}

// One project after the other: real browsers and real deadlines do not share two cores with everything else.
const project = (groupOrder: number, name: string, options: object = {}) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], sequence: { groupOrder }, ...options },
})

export default defineConfig({
  test: {
    reporters: ['default', './test/support/tally.ts'],
    projects: [
      project(0, 'unit'),
      project(1, 'integration', {
        // Mostly they wait, for deadlines to pass and for outages to be noticed.
        maxWorkers: 2,
        testTimeout: 20_000,
        hookTimeout: 30_000,
      }),
      project(2, 'chart', {
        globalSetup: ['test/chart/support/setup.ts'],
        // Helm is short and waits for nobody: two files at a time, also where there are two cores.
        maxWorkers: 2,
        testTimeout: 60_000,
        hookTimeout: 120_000,
      }),
      project(3, 'e2e', { fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 }),
    ],
  },
})
