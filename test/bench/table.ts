// Figures of several rounds side by side: medians, the range they came from, and ratios taken round by round.

export interface Row {
  readonly name: string
  readonly unit: string
  readonly digits: number
  /** One figure for each round; figures with the same index were measured one after the other. Empty if there is nothing to compare. */
  readonly bare: readonly number[]
  readonly gateway: readonly number[]
  /** A second bare relay in the same rounds. It shows how much the ratio of two equal relays varies on this machine. */
  readonly bareAgain?: readonly number[]
}

const HEADINGS = ['', 'bare', 'gateway', 'gateway/bare', 'bare/bare']

export function formatTable(rows: readonly Row[]): string {
  const cells = [HEADINGS, ...rows.map(cellsOf)]
  const widths = HEADINGS.map((_, column) => Math.max(...cells.map((row) => width(row, column))))
  return cells
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('   '),
    )
    .join('\n')
}

export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

function cellsOf({ name, unit, digits, bare, gateway, bareAgain }: Row): string[] {
  return [
    `${name}, ${unit}`,
    summarize(bare, digits),
    summarize(gateway, digits),
    bare.length === 0 ? '' : summarize(ratios(gateway, bare), 2),
    bareAgain === undefined ? '' : summarize(ratios(bareAgain, bare), 2),
  ]
}

function ratios(figures: readonly number[], base: readonly number[]): number[] {
  return figures.map((figure, round) => figure / (base[round] ?? Number.NaN))
}

function summarize(figures: readonly number[], digits: number): string {
  if (figures.length === 0) return ''
  const write = (figure: number): string => figure.toFixed(digits)
  return `${write(median(figures))} (${write(Math.min(...figures))}-${write(Math.max(...figures))})`
}

function width(row: readonly string[], column: number): number {
  return row[column]?.length ?? 0
}
