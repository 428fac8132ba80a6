// Keeps the provider's state in the memory of this process. The library has such a store too, but warns on the console that
// it is not for production, which is not useful in a demo.

import type { AdapterFactory, AdapterPayload } from 'oidc-provider'

interface Entry {
  readonly payload: AdapterPayload
  readonly expiresAt: number
}

/** A store of its own for each provider: two providers in one process share nothing. */
export function createMemoryAdapter(): AdapterFactory {
  const entries = new Map<string, Entry>()

  const read = (key: string): AdapterPayload | undefined => {
    const entry = entries.get(key)
    if (entry === undefined || entry.expiresAt > Date.now()) return entry?.payload
    entries.delete(key)
    return undefined
  }

  return (model) => {
    const prefix = `${model}:`
    const search = (property: 'uid' | 'userCode', value: string): AdapterPayload | undefined => {
      for (const [key, { payload }] of entries) {
        if (key.startsWith(prefix) && payload[property] === value) return read(key)
      }
      return undefined
    }
    return {
      async upsert(id, payload, expiresIn) {
        const expiresAt = expiresIn === undefined ? Infinity : Date.now() + expiresIn * 1000
        entries.set(prefix + id, { payload, expiresAt })
      },
      async find(id) {
        return read(prefix + id)
      },
      async findByUid(uid) {
        return search('uid', uid)
      },
      async findByUserCode(userCode) {
        return search('userCode', userCode)
      },
      async consume(id) {
        const payload = read(prefix + id)
        if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000)
      },
      async destroy(id) {
        entries.delete(prefix + id)
      },
      async revokeByGrantId(grantId) {
        for (const [key, { payload }] of entries) {
          if (key.startsWith(prefix) && payload.grantId === grantId) entries.delete(key)
        }
      },
    }
  }
}
