import { createMemoryStore } from '../../../src/session/memory-store.ts'
import { describeStoreContract } from '../../support/session-store-contract.ts'

describeStoreContract('memory', async () => {
  let time = Date.UTC(2026, 0, 1)
  const store = createMemoryStore(() => time)
  return {
    open: async () => store,
    now: () => time,
    async pass(ms) {
      time += ms
    },
    end: () => store.close(),
  }
})
