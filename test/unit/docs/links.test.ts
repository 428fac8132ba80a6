// Everything that people read is findable: links and anchors lead somewhere, and the index has every page.

import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'

const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'chart/README.md']
  .concat(globSync('docs/**/*.md'))
  .toSorted()
const texts = new Map(pages.map((page) => [page, readFileSync(page, 'utf8')]))

/** Without code, in which nothing is a link. */
const prose = (text: string): string =>
  text
    .replaceAll(/^ *```.*?^ *```$/gms, '')
    .replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ''))

/** As GitHub makes them: lower case, punctuation gone, blanks become hyphens. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-')

const anchorsOf = (text: string): string[] =>
  [...text.replaceAll(/^ *```.*?^ *```$/gms, '').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    anchorOf(heading),
  )

interface Link {
  readonly file: string
  readonly anchor: string | undefined
}

/** Those within the repository, paths from its root. */
const linksOf = (page: string): Link[] =>
  [...prose(texts.get(page) ?? '').matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', anchor] = target.split('#')
      return { file: path === '' ? page : normalize(join(dirname(page), path)), anchor }
    })

describe.each(pages)('%s', (page) => {
  it('links to files and headings that exist', () => {
    const broken = linksOf(page).filter(({ file, anchor }) => {
      if (!existsSync(file)) return true
      if (anchor === undefined) return false
      return !anchorsOf(texts.get(file) ?? readFileSync(file, 'utf8')).includes(anchor)
    })
    expect(broken).toEqual([])
  })
})

it('docs/README.md links to every page of docs/', () => {
  const linked = linksOf('docs/README.md').map(({ file }) => file)
  const wanted = pages.filter(
    (page) => /^docs\/[\w-]+\.md$/.test(page) && page !== 'docs/README.md',
  )
  expect(wanted.filter((page) => !linked.includes(page))).toEqual([])
})

it('README.md links to the index, and shows pictures that exist', () => {
  const linked = linksOf('README.md').map(({ file }) => file)
  expect(linked).toContain('docs/README.md')
  expect(linked.filter((file) => file.endsWith('.png'))).toHaveLength(3)
})

it('no page describes a feature that does not exist yet', () => {
  const speaks = [...texts].filter(([, text]) =>
    /\b(?:not in force yet|does nothing yet|does not do anything yet|not (?:implemented|enforced) yet)\b/i.test(
      text,
    ),
  )
  expect(speaks.map(([page]) => page)).toEqual([])
})
