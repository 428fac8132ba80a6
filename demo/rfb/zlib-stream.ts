// The Zlib encoding's one deflate stream a viewer (RFC 6143 section 7.7.5 and the community RFB specification): every
// rectangle is flushed, and none starts a new stream.

import { constants, createDeflate } from 'node:zlib'

export interface ZlibStream {
  /** One call at a time. Undefined once the stream was closed, also when that happens in the middle. */
  compress(data: Buffer): Promise<Buffer | undefined>
  close(): void
}

export function createZlibStream(): ZlibStream {
  const deflate = createDeflate({ level: 1 })
  let chunks: Buffer[] = []
  let finish: ((compressed: Buffer | undefined) => void) | undefined
  deflate.on('data', (chunk: Buffer) => chunks.push(chunk))
  // Work that is in progress when the stream is destroyed fails here, because its callback is never called.
  deflate.on('error', () => {})
  deflate.on('close', () => finish?.(undefined))

  return {
    compress(data) {
      if (deflate.destroyed) return Promise.resolve(undefined)
      return new Promise((resolve) => {
        finish = resolve
        deflate.write(data)
        deflate.flush(constants.Z_SYNC_FLUSH, () => {
          resolve(Buffer.concat(chunks))
          chunks = []
        })
      })
    },
    close() {
      deflate.destroy()
    },
  }
}
