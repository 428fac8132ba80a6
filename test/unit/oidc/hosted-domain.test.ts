import { expect, it } from 'vitest'
import { isOfHostedDomain } from '../../../src/oidc/hosted-domain.ts'

it.each([
  [undefined, undefined, true],
  [undefined, 'other.example', true],
  ['example.com', 'example.com', true],
  ['Example.com', 'example.COM', true],
  ['example.com', 'other.example', false],
  ['example.com', 'sub.example.com', false],
  ['example.com', 'example.com.evil.example', false],
  ['example.com', undefined, false],
  ['example.com', '', false],
  ['example.com', ['example.com'], false],
  ['*', 'any.example', true],
  ['*', undefined, false],
])('a client for %j lets in the organisation %j: %s', (wanted, hd, isIn) => {
  const authorizationParams: Record<string, string> = wanted === undefined ? {} : { hd: wanted }
  expect(isOfHostedDomain({ authorizationParams }, { hd })).toBe(isIn)
})
