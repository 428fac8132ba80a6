// Options as X programs take them: one dash, the value after it.

export function commandLine(options: Readonly<Record<string, string>>): string[] {
  return Object.entries(options).flatMap(([name, value]) => [`-${name}`, value])
}
