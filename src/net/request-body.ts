// The body of a request, taken in before anything of it goes on.

import type { IncomingMessage } from 'node:http'

const BODY_TIMEOUT_MS = 30_000

/** The whole body, `too-large` as soon as it is, `broken` where its end did not come within 30 s. */
export async function readBody(
  request: IncomingMessage,
  mostBytes: number,
): Promise<Buffer | 'too-large' | 'broken'> {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > mostBytes) return 'too-large'
  const chunks: Buffer[] = []
  let length = 0
  const deadline = setTimeout(() => request.destroy(), BODY_TIMEOUT_MS)
  try {
    // Left in the middle it must not be destroyed: an answer is still to go out on its connection.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      length += (chunk as Buffer).length
      if (length > mostBytes) return 'too-large'
      chunks.push(chunk as Buffer)
    }
  } catch {
    return 'broken'
  } finally {
    clearTimeout(deadline)
  }
  return request.complete ? Buffer.concat(chunks) : 'broken'
}
