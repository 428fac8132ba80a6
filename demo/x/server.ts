// Starts an X server with a VNC side, on whatever display is free.

import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { ProcessGroups } from './process-groups.ts'

const START_TIMEOUT_MS = 10_000
/** The length of the server's last output that is kept, to explain why it did not start. */
const COMPLAINT_LENGTH = 500

/** The display's name, once clients may connect. */
export async function startXServer(
  groups: ProcessGroups,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string> {
  // The server picks the first free display itself and writes its number to descriptor 3.
  const server = groups.start(command, ['-displayfd', '3', ...args], {
    env,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  let complaint = ''
  server.stderr?.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-COMPLAINT_LENGTH)
  })
  // This also ends with the server; then no number was read.
  const numbers = server.stdio[3] as Readable
  const signal = AbortSignal.timeout(START_TIMEOUT_MS)
  const number = await Promise.race([
    once(numbers, 'data', { signal }).then(([chunk]) => String(chunk).trim()),
    once(server, 'exit', { signal }).then(() => undefined),
  ])
  if (number === undefined) throw new Error(`${command} did not start: ${complaint.trim()}`)
  return `:${number}`
}
