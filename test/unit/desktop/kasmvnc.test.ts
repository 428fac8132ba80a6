import { describe, expect, it } from 'vitest'
import { kasmvnc } from '../../../src/desktop/kasmvnc.ts'
import { rfbOverWebSocket } from '../../../src/desktop/rfb-over-websocket.ts'
import { routed } from '../../../src/desktop/routed.ts'

describe('a path of KasmVNC', () => {
  it.each([
    ['/api/get_stats', 'owner-api'],
    ['/x/API/y', 'owner-api'],
    ['/api/downloads/', 'owner-api'],
    ['/api', 'client'],
    ['/apis/', 'client'],
    ['/Downloads/a.txt', 'download'],
    ['/x/downloads/', 'download'],
    ['/downloads', 'client'],
    ['/vnc.html', 'client'],
  ] as const)('%s is classified as: %s', (path, meaning) => {
    expect(kasmvnc.meaningOf(path)).toBe(meaning)
  })

  it.each([
    ['/', false],
    ['/folder/', true],
    ['/a/b/', true],
    ['/Downloads', true],
    ['/x/downloads/a', true],
    ['/downloadsx', false],
    ['/api/get_downloads', true],
    ['/api/x/DOWNLOADS_of', true],
    ['/vnc.html', false],
    ['/app/ui.js', false],
  ])('%s may show files: %s', (path, shows) => {
    expect(kasmvnc.showsFiles(path)).toBe(shows)
  })

  it.each([
    ['/vnc.html', true],
    ['/Downloads/a', true],
    ['/api/get_users', true],
    ['/api/downloads', true],
    ['/api/system/stats', true],
    ['/api/create_user', false],
    ['/api/get_users/x', false],
    ['/x/api/get_users', false],
    ['/api/get_', false],
  ])('%s is read-only: %s', (path, isReadOnly) => {
    expect(kasmvnc.isReadOnly(path)).toBe(isReadOnly)
  })

  it.each([
    ['/app/ui.js', 'text/javascript; charset=utf-8'],
    ['/a.WASM', 'application/wasm'],
    ['/vnc.html', undefined],
    ['/', undefined],
    ['/js', undefined],
    ['/Downloads/a.js', undefined],
    ['/api/a.js', undefined],
    ['/a.constructor', undefined],
  ])('%s is a file of the client: %s', (path, type) => {
    expect(kasmvnc.clientFileType(path)).toBe(type)
  })
})

it('is not special for other kinds of desktop', () => {
  for (const kind of [routed, rfbOverWebSocket]) {
    for (const path of ['/api/create_user', '/Downloads/', '/a.js']) {
      expect(kind.meaningOf(path)).toBe('client')
      expect(kind.clientFileType(path)).toBeUndefined()
      expect([kind.showsFiles(path), kind.isReadOnly(path)]).toEqual([false, true])
    }
  }
})
