// "Did you mean …?" for a name that is not a setting.

/** The candidate fewest edits away, half of the name at most; else one that has the name in it. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  const most = Math.max(1, Math.floor(name.length / 2))
  const nearest = candidates
    .map((candidate) => ({ candidate, edits: editDistance(name, candidate) }))
    .filter(({ edits }) => edits <= most)
    .sort((a, b) => a.edits - b.edits)
    .at(0)
  const isTelling = name.length > 2
  return nearest?.candidate ?? candidates.find((longer) => isTelling && longer.includes(name))
}

/** Levenshtein: how many letters to insert, delete or replace; case does not count. */
function editDistance(a: string, b: string): number {
  const [from, to] = [a.toLowerCase(), b.toLowerCase()]
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (const [index, letter] of from.split('').entries()) {
    const next = [index + 1]
    for (let column = 1; column <= to.length; column++) {
      const replaced = at(row, column - 1) + (letter === to[column - 1] ? 0 : 1)
      next.push(Math.min(replaced, at(row, column) + 1, at(next, column - 1) + 1))
    }
    row = next
  }
  return at(row, to.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? 0
}
