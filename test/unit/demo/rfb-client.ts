// A small RFB viewer for the tests: it reads exactly what it expects and keeps its own copy of the screen.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { constants, createInflate } from 'node:zlib'
import { WebSocket, WebSocketServer } from 'ws'
import type { RfbServer } from '../../../demo/rfb-server.ts'
import type { Rectangle } from '../../../demo/rfb/rectangle.ts'

export interface ReceivedRectangle extends Rectangle {
  readonly encoding: number
  /** Decoded. */
  readonly data: Buffer
}

export interface RfbClient {
  readonly socket: WebSocket
  send(...parts: readonly (string | readonly number[] | Buffer)[]): void
  /** The next so many bytes. */
  read(length: number): Promise<Buffer>
  /** Everything up to and including ServerInit, which is returned. `shared` is ClientInit's flag. */
  shakeHands(
    shared?: 0 | 1,
  ): Promise<{ width: number; height: number; format: Buffer; name: string }>
  setEncodings(...encodings: readonly number[]): void
  request(isIncremental: boolean, area?: Rectangle): void
  update(): Promise<ReceivedRectangle[]>
  /** Bytes that came and were not read yet. */
  unread(): number
}

export interface RfbListening {
  connect(): Promise<RfbClient>
  /** Bytes the server has yet to get rid of. */
  buffered(): number
  stop(): Promise<void>
}

export async function listenFor(server: Pick<RfbServer, 'add'>): Promise<RfbListening> {
  const http = createServer()
  const sockets = new WebSocketServer({ server: http })
  sockets.on('connection', (socket) => server.add(socket))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  return {
    connect: () => connectRfb(`ws://127.0.0.1:${port}`),
    buffered: () =>
      [...sockets.clients].reduce((sum, { bufferedAmount }) => sum + bufferedAmount, 0),
    async stop() {
      for (const socket of sockets.clients) socket.terminate()
      const closed = once(http, 'close')
      http.close()
      await closed
    },
  }
}

/** `headers` are those of the upgrade request. */
export async function connectRfb(
  url: string,
  headers: Record<string, string> = {},
): Promise<RfbClient> {
  const socket = new WebSocket(url, 'binary', { headers })
  const inflate = createInflate()
  let pending = Buffer.alloc(0)
  let wake = (): void => {}
  socket.on('message', (data: Buffer) => {
    pending = Buffer.concat([pending, data])
    wake()
  })
  socket.on('close', () => wake())

  const client: RfbClient = {
    socket,
    send(...parts) {
      socket.send(Buffer.concat(parts.map((part) => Buffer.from(part as Buffer))))
    },
    async read(length) {
      while (pending.length < length) {
        if (socket.readyState === WebSocket.CLOSED) throw new Error('closed')
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      const bytes = pending.subarray(0, length)
      pending = pending.subarray(length)
      return bytes
    },
    async shakeHands(shared = 1) {
      client.send(await client.read(12))
      const [count = 0] = await client.read(1)
      await client.read(count)
      client.send([1])
      await client.read(4)
      client.send([shared])
      const head = await client.read(24)
      const name = await client.read(head.readUInt32BE(20))
      return {
        width: head.readUInt16BE(0),
        height: head.readUInt16BE(2),
        format: head.subarray(4, 20),
        name: name.toString(),
      }
    },
    setEncodings(...encodings) {
      const message = Buffer.alloc(4 + 4 * encodings.length)
      message.writeUInt8(2)
      message.writeUInt16BE(encodings.length, 2)
      for (const [index, encoding] of encodings.entries()) {
        message.writeInt32BE(encoding, 4 + 4 * index)
      }
      client.send(message)
    },
    request(
      isIncremental,
      { x, y, width, height } = { x: 0, y: 0, width: 65_535, height: 65_535 },
    ) {
      const message = Buffer.alloc(10)
      message.writeUInt8(3)
      message.writeUInt8(isIncremental ? 1 : 0, 1)
      for (const [index, value] of [x, y, width, height].entries()) {
        message.writeUInt16BE(value, 2 + 2 * index)
      }
      client.send(message)
    },
    async update() {
      const head = await client.read(4)
      const rectangles: ReceivedRectangle[] = []
      for (let left = head.readUInt16BE(2); left > 0; left -= 1) rectangles.push(await rectangle())
      return rectangles
    },
    unread: () => pending.length,
  }

  async function rectangle(): Promise<ReceivedRectangle> {
    const head = await client.read(12)
    const [x, y, width, height] = [0, 2, 4, 6].map((at) => head.readUInt16BE(at)) as [
      number,
      number,
      number,
      number,
    ]
    const encoding = head.readInt32BE(8)
    const pixels = width * height * 4
    const area = { x, y, width, height, encoding }
    switch (encoding) {
      case 0:
        return { ...area, data: await client.read(pixels) }
      case 6:
        return { ...area, data: await decompress((await client.read(4)).readUInt32BE(0)) }
      case -239:
        return { ...area, data: await client.read(pixels + Math.ceil(width / 8) * height) }
      default:
        throw new Error(`encoding ${encoding}`)
    }
  }

  async function decompress(length: number): Promise<Buffer> {
    const chunks: Buffer[] = []
    const collect = (chunk: Buffer): void => void chunks.push(chunk)
    inflate.on('data', collect)
    inflate.write(await client.read(length))
    await new Promise<void>((resolve) => {
      inflate.flush(constants.Z_SYNC_FLUSH, () => resolve())
    })
    inflate.off('data', collect)
    return Buffer.concat(chunks)
  }

  await once(socket, 'open')
  return client
}
