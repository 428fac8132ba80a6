import { globSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { PANEL_MODULES, PANEL_SCRIPT } from '../../../src/panel/panel-script.ts'

it('has every module once, after the modules that it imports', () => {
  const files = globSync('src/panel/*.js').map((file) => file.replace('src/panel/', ''))
  expect([...PANEL_MODULES].toSorted()).toEqual(files.toSorted())
  for (const [position, file] of PANEL_MODULES.entries()) {
    const source = readFileSync(`src/panel/${file}`, 'utf8')
    const imports = [...source.matchAll(/ from '\.\/([\w-]+\.js)'/g)].map(([, name = '']) => name)
    for (const name of imports) expect(PANEL_MODULES.slice(0, position)).toContain(name)
  }
})

it('declares each top-level name once, since a second function would silently replace the first', () => {
  const names = [...PANEL_SCRIPT.matchAll(/^(?:async )?(?:function|const|let|class) (\w+)/gm)].map(
    ([, name]) => name,
  )
  expect(names.length).toBeGreaterThan(20)
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
})
