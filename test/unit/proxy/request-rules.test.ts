import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { kasmvnc } from '../../../src/desktop/kasmvnc.ts'
import { routed } from '../../../src/desktop/routed.ts'
import { bodyModeOf, methodsOf, unacceptable } from '../../../src/proxy/request-rules.ts'

const ORIGIN = 'https://desk.example.com'
const OURS = { origin: ORIGIN, host: 'desk.example.com' }
const THEIRS = { origin: 'https://evil.example', host: 'desk.example.com' }

function judge(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  kind = kasmvnc,
): string | undefined {
  const request = { method, headers } as unknown as IncomingMessage
  return unacceptable(request, bodyModeOf(method, kind, path), kind, path, ORIGIN)
}

it.each([
  ['POST', '/api/create_user', kasmvnc, 'whole'],
  ['GET', '/api/create_user', kasmvnc, 'none'],
  ['POST', '/vnc.html', kasmvnc, 'none'],
  ['PUT', '/api/create_user', kasmvnc, 'none'],
  ['POST', '/upload', routed, 'streamed'],
  ['DELETE', '/upload', routed, 'streamed'],
  ['GET', '/upload', routed, 'none'],
] as const)('%s %s may have a body: %s', (method, path, kind, mode) => {
  expect(bodyModeOf(method, kind, path)).toBe(mode)
})

it('names the allowed methods', () => {
  expect(methodsOf(kasmvnc, '/vnc.html')).toBe('GET, HEAD')
  expect(methodsOf(kasmvnc, '/api/x')).toBe('GET, HEAD, POST')
  expect(methodsOf(routed, '/upload')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE')
})

describe('a request', () => {
  it.each<[string, string, string, Record<string, string>, string | undefined]>([
    ['for a page', 'GET', '/vnc.html', {}, undefined],
    ['for a page from another site', 'GET', '/vnc.html', THEIRS, undefined],
    ['with an empty body', 'GET', '/vnc.html', { 'content-length': '0' }, undefined],
    ['with a body that nobody expects', 'GET', '/', { 'content-length': '1' }, 'bad-request'],
    [
      'with chunks that nobody expects',
      'HEAD',
      '/',
      { 'transfer-encoding': 'chunked' },
      'bad-request',
    ],
    ['by another method', 'PUT', '/vnc.html', OURS, 'method-not-allowed'],
    ['by a POST that no page takes', 'POST', '/vnc.html', OURS, 'method-not-allowed'],
    ['of a service worker', 'GET', '/sw.js', { 'service-worker': 'script' }, 'bad-request'],
    ['to the API from our page', 'POST', '/api/create_user', OURS, undefined],
    ['to the API from another site', 'POST', '/api/create_user', THEIRS, 'cross-site'],
    ['to the API from nowhere', 'POST', '/api/create_user', {}, 'cross-site'],
    [
      'that changes something by GET, from another site',
      'GET',
      '/api/create_user',
      THEIRS,
      'cross-site',
    ],
    ['that changes something by GET, from our page', 'GET', '/api/create_user', OURS, undefined],
    ['that only reads the API, from another site', 'GET', '/api/get_users', THEIRS, undefined],
    [
      'in a coding beside chunks',
      'POST',
      '/api/create_user',
      { ...OURS, 'transfer-encoding': 'gzip, chunked' },
      'bad-request',
    ],
    [
      'in chunks',
      'POST',
      '/api/create_user',
      { ...OURS, 'transfer-encoding': 'Chunked' },
      undefined,
    ],
  ])('%s: %s %s', (_, method, path, headers, verdict) => {
    expect(judge(method, path, headers)).toBe(verdict)
  })

  it('with a body to a route must come from the gateway’s own origin', () => {
    expect(judge('POST', '/upload', OURS, routed)).toBeUndefined()
    expect(judge('POST', '/upload', THEIRS, routed)).toBe('cross-site')
  })
})
