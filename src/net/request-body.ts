// Reads the whole body of a request into memory, with a limit on size and time.

import type { IncomingMessage } from 'node:http'

const BODY_TIMEOUT_MS = 30_000

/** Returns the body, `too-large` as soon as it exceeds `maxBytes`, or `broken` when it is incomplete after 30 s. */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Buffer | 'too-large' | 'broken'> {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > maxBytes) return 'too-large'
  const chunks: Buffer[] = []
  let length = 0
  const deadline = setTimeout(() => request.destroy(), BODY_TIMEOUT_MS)
  try {
    // Leaving the loop early must not destroy the request: the answer still goes out on its connection.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      length += (chunk as Buffer).length
      if (length > maxBytes) return 'too-large'
      chunks.push(chunk as Buffer)
    }
  } catch {
    return 'broken'
  } finally {
    clearTimeout(deadline)
  }
  return request.complete ? Buffer.concat(chunks) : 'broken'
}
