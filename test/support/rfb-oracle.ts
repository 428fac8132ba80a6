// A simple parser of a whole client stream: all bytes are available, one message after the other, with every length
// written out. The gateway's reader must give the same result in any split (src/desktop/rfb.ts).

import type { Restrictions } from '../../src/desktop/restrictions.ts'
import type { RfbUnknown } from '../../src/desktop/rfb.ts'
import type { RfbDialect } from '../../src/desktop/rfb-messages.ts'

export interface Followed {
  /** The number of bytes after which each human input could be recognised. */
  readonly human: readonly number[]
  /** The numbers of bytes after which the next byte is a message's type. */
  readonly boundaries: ReadonlySet<number>
  readonly unknown: { readonly what: RfbUnknown; readonly after: number } | undefined
  /** The stream that the server should get if no message is dropped. */
  readonly forwarded: Buffer
  /** The same without the messages that are dropped, or may yet be. */
  readonly kept: Buffer
}

const END_OF_STREAM = new Error('the stream ends here')

export function followRfb(
  dialect: RfbDialect,
  stream: Buffer,
  restrictions?: Restrictions,
): Followed {
  const forwarded = Buffer.from(stream)
  const human: number[] = []
  const boundaries = new Set<number>()
  let unknown: Followed['unknown']
  const dropped: [from: number, to: number][] = []
  let dropFrom: number | undefined
  let at = 0

  const skip = (bytes: number): void => {
    at += bytes
    if (at > stream.length) throw END_OF_STREAM
  }
  const number = (bytes: number): number => {
    skip(bytes)
    return stream.readUIntBE(at - bytes, bytes)
  }
  const text = (bytes: number): string => {
    skip(bytes)
    return stream.toString('latin1', at - bytes, at)
  }
  const stop = (what: RfbUnknown): never => {
    unknown = { what, after: at }
    throw END_OF_STREAM
  }
  const isHuman = (): void => {
    human.push(at)
  }

  const readHandshake = (): void => {
    if (text(4) !== 'RFB ') stop('version')
    if (text(4) !== '003.') stop('version')
    if (!['007\n', '008\n'].includes(text(4))) stop('version')
    const security = number(1)
    if (security === 2) skip(16)
    else if (security !== 1) stop('security-type')
    skip(1)
    forwarded[at - 1] = 1
  }
  const readCutText = (): void => {
    skip(3)
    const length = number(4)
    if (length < 2 ** 31) {
      if (length > 0) isHuman()
      return skip(length)
    }
    const extended = 2 ** 32 - length
    if (extended < 4 || extended === 2 ** 31) stop('length')
    const flags = number(4)
    const action = Math.floor(flags / 2 ** 24)
    const formats = flags % 2 ** 16
    if (action === 8 && formats > 0) isHuman()
    skip(extended - 4)
  }
  const readCommon = (type: number): void => {
    if (type === 0) return skip(19)
    if (type === 3) return skip(9)
    if (type === 6) return readCutText()
    if (type === 150) return skip(9)
    if (type === 248) {
      skip(7)
      return skip(number(1))
    }
    if (type === 251) {
      skip(5)
      return skip(1 + 16 * number(1))
    }
    stop('message-type')
  }
  const readKasm = (type: number): void => {
    const fixed: Record<number, number> = {
      178: 3,
      179: 11,
      185: 0,
      189: 7,
      190: 3,
      191: 3,
      252: 4,
    }
    const length = fixed[type]
    if (length !== undefined) return skip(length)
    if (type === 2) {
      skip(1)
      return skip(4 * number(2))
    }
    if (type === 4) {
      skip(3)
      if (number(4) !== 1) isHuman()
      return
    }
    if (type === 5 || type === 188) {
      isHuman()
      return skip(type === 5 ? 10 : 9)
    }
    if (type === 180) {
      isHuman()
      for (let entries = number(1); entries > 0; entries -= 1) {
        skip(number(1))
        skip(number(4))
      }
      return
    }
    if (type === 181) return skip(number(2))
    if (type === 182) return skip(number(1))
    if (type === 183) {
      const name = number(1)
      skip(name)
      if (name < 64) skip(number(4))
      return
    }
    if (type === 184) return skip(4 * number(1))
    if (type === 255) {
      if (number(1) !== 0) stop('message-type')
      isHuman()
      return skip(10)
    }
    readCommon(type)
  }
  const readStandard = (type: number): void => {
    if (type === 2) {
      skip(1)
      for (let encodings = number(2); encodings > 0; encodings -= 1) {
        if (number(4) === 0xff_ff_fe_c4) forwarded.writeUInt32BE(0xff_ff_fe_93, at - 4)
      }
      return
    }
    if (type === 4 || type === 5) {
      isHuman()
      return skip(type === 4 ? 7 : 5)
    }
    if (type === 250) return skip(3)
    if (type === 253) {
      const kind = number(1)
      if (kind % 128 === 0) isHuman()
      const [first, second] = [number(1), number(1)] as const
      return skip(kind < 128 ? first + 256 * second : 256 * first + second)
    }
    if (type === 255) {
      const kind = number(1)
      if (kind === 1) dropFrom = undefined
      if (kind === 0) {
        isHuman()
        return skip(10)
      }
      if (kind !== 1) stop('message-type')
      const operation = number(2)
      if (operation > 2) stop('message-type')
      return skip(operation === 2 ? 6 : 0)
    }
    readCommon(type)
  }

  try {
    readHandshake()
    for (;;) {
      boundaries.add(at)
      if (dropFrom !== undefined) dropped.push([dropFrom, at])
      dropFrom = undefined
      const type = number(1)
      const isDropped = restrictions?.drops.has(type) ?? false
      const mayBeDropped = type === 255 && (restrictions?.dropsQemuKeys ?? false)
      if (isDropped || mayBeDropped) dropFrom = at - 1
      if (dialect === 'kasmvnc') readKasm(type)
      else readStandard(type)
    }
  } catch (error) {
    if (error !== END_OF_STREAM) throw error
  }
  if (dropFrom !== undefined) dropped.push([dropFrom, stream.length])
  const starts = [0, ...dropped.map(([, to]) => to)]
  const ends = [...dropped.map(([from]) => from), stream.length]
  const kept = Buffer.concat(starts.map((start, index) => forwarded.subarray(start, ends[index])))
  return { human, boundaries, unknown, forwarded, kept }
}
