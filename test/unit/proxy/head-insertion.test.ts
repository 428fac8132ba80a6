// Where the panel's script goes in a document, whatever that document looks like and however it arrives.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HeadInsertion } from '../../../src/proxy/head-insertion.ts'

const TAG = '[here]'

function insert(pieces: readonly (string | Buffer)[]): string {
  const insertion = new HeadInsertion(Buffer.from(TAG))
  const sent = pieces.flatMap((piece) => insertion.push(Buffer.from(piece as string)))
  return Buffer.concat([...sent, ...insertion.end()]).toString('utf8')
}

/** Each with the mark where it belongs. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  'an ordinary one': '<!doctype html>\n<html lang="en">\n<head>[here]\n<meta charset="utf-8">',
  'an upper-case one': '<!DOCTYPE HTML><HTML><HEAD>[here]<TITLE>x</TITLE></HEAD>',
  'a comment before the doctype': '<!-- <head> --><!doctype html><html><head>[here]<title>x',
  'a comment before the head': '<!doctype html><html><!-- a > b <head>\n--><head>[here]<title>x',
  'a comment that ends at once': '<!--><html><head>[here]',
  'a comment that ends nearly at once': '<!---><head>[here]<title>--></title>',
  'a comment that ends wrongly': '<!-- a --!><head>[here]',
  'a comment of dashes': '<!-------><head>[here]-->',
  'a conditional comment': '<!--[if IE]><html class="ie"><![endif]--><html><head>[here]',
  'an XML declaration': '<?xml version="1.0"?><!doctype html><html><head>[here]',
  'a CDATA section, which is none': '<![CDATA[ x > <head>[here]'.replace('x > ', 'x> '),
  'an odd declaration': '<!-x><!><head>[here]',
  'a doctype with a quoted bracket': '<!doctype html "a">[here]b"><head>',
  'a head with attributes': '<html><head data-a="1>2" data-b=\'<head>\' data-c=d>[here]<title>',
  'an html element with attributes': '<html data-a = "x><head>" a=\'>\' b=c>\n<head>[here]',
  'a quote outside a value': `<html it's b=c"d><head>[here]`,
  'a value that is missing': '<html a=><head>[here]',
  'a closed head': '<html/><head/>[here]<title>',
  'no head': '<!doctype html>\n<html>\n[here]<title>x</title><body>',
  'no head and no html': '<!doctype html>[here]<meta charset="utf-8"><p>x',
  'a body at once': '<!doctype html><html>[here]<body>x<head></body>',
  'a header, which is no head': '<html>[here]<header>x</header>',
  'an element like html': '[here]<html-page>',
  'text alone': '[here]Hello <head>',
  'text that is shorter than a byte order mark': '[here]Hi',
  'text after white space': ' \n\t[here]Hello',
  'a bracket that opens nothing': '<html>[here]< head>',
  'an end tag': '<html>[here]</head><body>',
  'nothing at all': '[here]',
  'white space alone': '\n \n[here]',
  'a byte order mark': '\ufeff<!doctype html><html><head>[here]<title>é</title>',
  'a byte order mark and text': '\ufeff[here]Hello',
  'a tag that never ends': '<html>[here]<head data-a="',
  'a tag that stops in its name': '<!doctype html>[here]<he',
  'a comment that never ends': '<!doctype html>[here]<!-- <head> ',
}

describe.each(Object.entries(DOCUMENTS))('%s', (_, expected) => {
  const bytes = Buffer.from(expected.replace(TAG, ''))

  it('gets the script first in its head', () => {
    expect(insert([bytes])).toBe(expected)
  })

  it('gets the script in the same place byte by byte', () => {
    expect(insert([...bytes].map((byte) => Buffer.from([byte])))).toBe(expected)
  })

  it('gets the script in the same place wherever it is split in two', () => {
    for (let at = 0; at <= bytes.length; at += 1) {
      expect(insert([bytes.subarray(0, at), bytes.subarray(at)])).toBe(expected)
    }
  })
})

it('passes everything else on unchanged, in any split', () => {
  const part = fc.constantFrom(
    '<',
    '>',
    '!',
    '--',
    '"',
    "'",
    '=',
    ' ',
    '<!--',
    '-->',
    '<html',
    '<head',
    '<!doctype',
    'head',
    '\ufeff',
    'é',
    '/',
    '<body>',
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 24 }), fc.infiniteStream(fc.nat(5)), (parts, cuts) => {
      const whole = Buffer.from(parts.join(''))
      const pieces: Buffer[] = []
      for (let at = 0; at < whole.length;) {
        const end = at + 1 + (cuts.next().value as number)
        pieces.push(whole.subarray(at, end))
        at = end
      }
      const sent = insert(pieces)
      expect(sent).toBe(insert([whole]))
      expect(sent.replace(TAG, '')).toBe(whole.toString())
      expect(sent.split(TAG)).toHaveLength(2)
    }),
    { numRuns: 2_000 },
  )
})

it('buffers nothing once it has found the place', () => {
  const insertion = new HeadInsertion(Buffer.from(TAG))
  insertion.push(Buffer.from('<html><head>'))
  const piece = Buffer.alloc(1_000_000, 'x')
  expect(insertion.push(piece)).toEqual([piece])
  expect(insertion.end()).toEqual([])
})

it('buffers at most 64 KiB: the head starts before a longer comment', () => {
  const insertion = new HeadInsertion(Buffer.from(TAG))
  const comment = Buffer.concat([Buffer.from('<!--'), Buffer.alloc(65_532, '-')])
  expect(insertion.push(Buffer.from('<!doctype html>'))).toEqual([])
  const sent = Buffer.concat(insertion.push(comment)).toString()
  expect(sent.startsWith(`<!doctype html>${TAG}<!---`)).toBe(true)
  const rest = Buffer.from('--><html><head>')
  expect(insertion.push(rest)).toEqual([rest])
})
