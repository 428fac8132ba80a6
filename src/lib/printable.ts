// Makes foreign text safe for a log line.

/**
 * At most `maxLength` characters, then `…`. Quotes, backslashes and what shows nothing or moves other text (controls,
 * joiners, bidirectional marks, lone surrogates) become `\u{…}`.
 */
export function printable(text: string, maxLength: number): string {
  // A character has at most two code units, and the rest of the text may be megabytes long.
  const characters = Array.from(text.slice(0, maxLength * 2 + 2))
  const shown = characters.slice(0, maxLength).map((one) => (isPlain(one) ? one : escape(one)))
  return shown.join('') + (characters.length > maxLength ? '…' : '')
}

function isPlain(character: string): boolean {
  return (
    /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character) &&
    !/["\\\p{Default_Ignorable_Code_Point}]/u.test(character)
  )
}

function escape(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`
}
