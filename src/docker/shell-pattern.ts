/** `*` and `?` of a shell pattern, which match any character here; behind a backslash the next character is literal. */
export interface ShellPattern {
  /** What lies between the stars, character by character (code points); undefined is any. */
  readonly pieces: readonly (readonly (string | undefined)[])[];
}

export function parseShellPattern(pattern: string): ShellPattern {
  const pieces: (string | undefined)[][] = [[]];
  const chars = Array.from(pattern);
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at]!;
    if (char === '*') pieces.push([]);
    else if (char === '?') pieces.at(-1)!.push(undefined);
    else pieces.at(-1)!.push(char === '\\' && at + 1 < chars.length ? chars[++at] : char);
  }
  return { pieces };
}

/** Without what the pattern matches at its beginning, as little or as much as possible. */
export function withoutPrefix(value: string, pattern: ShellPattern, longest: boolean): string {
  const chars = Array.from(value);
  const found = search(chars, pattern, { anchored: true, longest });
  return found === undefined ? value : chars.slice(found.end).join('');
}

/** The same at its end. */
export function withoutSuffix(value: string, { pieces }: ShellPattern, longest: boolean): string {
  const chars = Array.from(value).reverse();
  const found = search(chars, { pieces: pieces.map((piece) => piece.toReversed()).reverse() }, { anchored: true, longest });
  return found === undefined ? value : chars.slice(found.end).reverse().join('');
}

/** With the first match, or all of them, replaced; a match is as long as it can be. */
export function replaceMatches(value: string, pattern: ShellPattern, { replacement, all }: { readonly replacement: string; readonly all: boolean }): string {
  const chars = Array.from(value);
  let text = '';
  let rest = 0;
  for (let from = 0; from <= chars.length; ) {
    const found = search(chars, pattern, { from, longest: true });
    if (found === undefined) break;
    text += chars.slice(rest, found.start).join('') + replacement;
    rest = found.end;
    // Behind a star there is nothing left to match.
    if (!all || pattern.pieces.length > 1) break;
    from = found.end > found.start ? found.end : found.end + 1;
  }
  return text + chars.slice(rest).join('');
}

interface SearchOptions {
  readonly from?: number;
  /** It has to begin at the beginning. */
  readonly anchored?: boolean;
  readonly longest: boolean;
}

/**
 * The leftmost match. What lies between two stars is best taken where it comes first, so that nothing is ever tried twice:
 * a regular expression would try all ways to share the text between the stars.
 */
function search(chars: readonly string[], { pieces }: ShellPattern, { from = 0, anchored = false, longest }: SearchOptions): { readonly start: number; readonly end: number } | undefined {
  const [first = [], ...others] = pieces;
  const start = anchored ? (isAt(chars, first, 0) ? 0 : -1) : find(chars, first, from);
  if (start === -1) return undefined;
  let end = start + first.length;
  for (const [index, piece] of others.entries()) {
    const isLast = index === others.length - 1;
    const at = isLast && longest ? findLast(chars, piece, end) : find(chars, piece, end);
    // Another start would be further right, where there is even less.
    if (at === -1) return undefined;
    end = at + piece.length;
  }
  return { start, end };
}

type Piece = ShellPattern['pieces'][number];

function find(chars: readonly string[], piece: Piece, from: number): number {
  for (let at = from; at + piece.length <= chars.length; at += 1) if (isAt(chars, piece, at)) return at;
  return -1;
}

function findLast(chars: readonly string[], piece: Piece, from: number): number {
  for (let at = chars.length - piece.length; at >= from; at -= 1) if (isAt(chars, piece, at)) return at;
  return -1;
}

function isAt(chars: readonly string[], piece: Piece, at: number): boolean {
  return at + piece.length <= chars.length && piece.every((char, index) => char === undefined || chars[at + index] === char);
}
