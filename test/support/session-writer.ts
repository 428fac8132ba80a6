// A process that writes sessions as fast as it can until it is killed. It prints a line when it opens the store, and then
// each session that the store acknowledged: `node session-writer.ts STORE NAME`.

import { writeSync } from 'node:fs'
import { openSessionStore } from '../../src/session/open-session-store.ts'
import type { SessionRecord } from '../../src/session/session-store.ts'

const [, , url = '', name = ''] = process.argv

const record = (generation: number): SessionRecord => ({
  envelope: `envelope ${generation}`.repeat(100),
  vault: generation === 3 ? undefined : 'vault',
  indexes: [name, `${name} ${generation}`],
  generation,
  activeUntil: generation === 3 ? 0 : Date.now() + 3_600_000,
  keepUntil: Date.now() + 3_600_000,
})
// Written directly to the pipe, so that printed lines survive a kill.
const print = (line: string): void => void writeSync(1, `${line}\n`)

print('opening')
const store = await openSessionStore(url)
for (let n = 0; ; n += 1) {
  const id = `${name}-${n}`
  await store.create(id, record(1))
  print(`${id} 1`)
  for (const generation of [2, 3]) {
    if (!(await store.replace(id, record(generation), generation - 1))) throw new Error(id)
    print(`${id} ${generation}`)
  }
}
