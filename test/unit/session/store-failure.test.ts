import { expect, it } from 'vitest'
import { GatewayError } from '../../../src/lib/errors.ts'
import { createStoreTrouble } from '../../../src/session/store-failure.ts'

function setUp() {
  const clock = { time: 1_000 }
  const told: string[] = []
  const trouble = createStoreTrouble(
    () => clock.time,
    ({ cause }) => told.push(String(cause)),
  )
  async function fail(error: unknown): Promise<unknown> {
    try {
      return await trouble.attempt(() => {
        throw error
      })
    } catch (failure) {
      return failure
    }
  }
  return { clock, told, trouble, fail }
}

it('hands on what a call gives, and every failure in one code', async () => {
  const { trouble, fail, told } = setUp()
  expect(await trouble.attempt(() => 5)).toBe(5)
  expect(await trouble.attempt(async () => 'x')).toBe('x')
  expect(told).toEqual([])
  const secret = Object.assign(new Error('read failed'), { code: 'EIO', command: 'AUTH secret' })
  const failure = await fail(secret)
  expect(failure).toMatchObject({
    name: 'GatewayError',
    code: 'store-unavailable',
    cause: { message: 'read failed', code: 'EIO' },
  })
  expect((failure as GatewayError).cause).not.toHaveProperty('command')
})

it('leaves a failure of our own as it is', async () => {
  const { fail } = setUp()
  const own = new GatewayError('store-unavailable', 'locked')
  expect(await fail(own)).toBe(own)
})

it.each([
  [new Error('words'), 'Error: words'],
  [Object.assign(new Error(''), { code: 'ECONNREFUSED' }), 'Error: ECONNREFUSED'],
  [new TypeError(''), 'Error: TypeError'],
  ['a text', 'Error: a text'],
])('names the cause of %o', async (error, words) => {
  const { fail, told } = setUp()
  await fail(error)
  expect(told).toEqual([words])
})

it('tells of each cause once a minute', async () => {
  const { clock, fail, told } = setUp()
  for (const words of ['a', 'b', 'a']) await fail(new Error(words))
  expect(told).toEqual(['Error: a', 'Error: b'])
  clock.time += 59_999
  await fail(new Error('a'))
  expect(told).toHaveLength(2)
  clock.time += 1
  await fail(new Error('a'))
  expect(told).toHaveLength(3)
})

it('tells again of what was forgotten, or of more causes than it remembers', async () => {
  const { trouble, fail, told } = setUp()
  await fail(new Error('a'))
  trouble.reset()
  await fail(new Error('a'))
  expect(told).toHaveLength(2)
  for (let at = 0; at < 101; at += 1) trouble.tell(new Error(`cause ${at}`))
  const before = told.length
  await fail(new Error('a'))
  expect(told).toHaveLength(before + 1)
})
