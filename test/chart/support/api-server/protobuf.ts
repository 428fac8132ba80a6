// Secrets as helm's storage driver sends them: in protobuf, whatever the server says it prefers.

import type { KubernetesObject } from '../objects.ts'

/** Field number → what it held, in order. */
type Fields = ReadonlyMap<number, readonly (Buffer | number)[]>

const MAGIC = Buffer.from('k8s\0')

/**
 * A Secret, or the kind alone of anything else (the options of a delete, which mean nothing here).
 * @see https://github.com/kubernetes/api/blob/master/core/v1/generated.proto `message Secret`
 */
export function decodeProtobuf(body: Buffer): Partial<KubernetesObject> {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('not a Kubernetes protobuf')
  const unknown = read(body.subarray(MAGIC.length))
  const type = read(bytes(unknown, 1))
  const apiVersion = text(type, 1)
  const kind = text(type, 2)
  if (kind !== 'Secret') return { apiVersion, kind }
  const secret = read(bytes(unknown, 2))
  const metadata = read(bytes(secret, 1))
  const data = Object.fromEntries(
    entries(secret, 2).map(([key, value]) => [key, value.toString('base64')]),
  )
  const resourceVersion = text(metadata, 6)
  return {
    apiVersion,
    kind,
    metadata: {
      name: text(metadata, 1),
      namespace: text(metadata, 3),
      ...(resourceVersion === '' ? {} : { resourceVersion }),
      labels: stringMap(metadata, 11),
      annotations: stringMap(metadata, 12),
    },
    data,
    type: text(secret, 3),
  }
}

function read(buffer: Buffer): Fields {
  const fields = new Map<number, (Buffer | number)[]>()
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = buffer.readUInt8(at)
      at += 1
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }
  while (at < buffer.length) {
    const tag = varint()
    const field = Math.floor(tag / 8)
    const wireType = tag % 8
    let value: Buffer | number
    if (wireType === 0) value = varint()
    else if (wireType === 2) {
      const length = varint()
      value = buffer.subarray(at, at + length)
      at += length
    } else throw new Error(`protobuf wire type ${wireType}`)
    fields.set(field, [...(fields.get(field) ?? []), value])
  }
  return fields
}

function bytes(fields: Fields, field: number): Buffer {
  const [value] = fields.get(field) ?? []
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0)
}

function text(fields: Fields, field: number): string {
  return bytes(fields, field).toString()
}

function entries(fields: Fields, field: number): [key: string, value: Buffer][] {
  const maps = (fields.get(field) ?? []).filter((entry) => Buffer.isBuffer(entry))
  return maps.map((entry) => {
    const pair = read(entry)
    return [text(pair, 1), bytes(pair, 2)]
  })
}

function stringMap(fields: Fields, field: number): Record<string, string> {
  return Object.fromEntries(entries(fields, field).map(([key, value]) => [key, value.toString()]))
}
