// Finds the setting for "did you mean …?" when a name is unknown.

/** The candidate with the fewest edits (at most half the length of `name`), or else one that contains `name`. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  const maxEdits = Math.max(1, Math.floor(name.length / 2))
  const nearest = candidates
    .map((candidate) => ({ candidate, edits: editDistance(name, candidate) }))
    .filter(({ edits }) => edits <= maxEdits)
    .sort((a, b) => a.edits - b.edits)
    .at(0)
  if (nearest !== undefined) return nearest.candidate
  return name.length > 2 ? candidates.find((longer) => longer.includes(name)) : undefined
}

/** Levenshtein distance: the number of insertions, deletions and replacements. Ignores case. */
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
