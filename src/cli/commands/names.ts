/** The named ones, or all where none is named; each once, in the order given. */
export function chosen(args: readonly string[], all: Iterable<string>): string[] {
  return args.length === 0 ? [...all] : [...new Set(args)];
}
