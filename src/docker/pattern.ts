import { ANYTHING, ANY_CHARACTER, ANY_NAME, FOLDERS, classStep, literalStep, stepMatcher, type Step } from './pattern-steps.js';

/**
 * A list of path patterns as the engine's ignore files have them: Go's filepath.Match per segment, `**` for any number of
 * segments, `!` to take back, the last match wins; a pattern that matches a folder holds for all below it.
 */
export class Patterns {
  readonly #patterns: readonly Pattern[];
  readonly #folders = new Map<string, Matched>();

  /** Throws SyntaxError at a pattern that is not valid. */
  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.flatMap((text) => compile(text) ?? []);
  }

  /** Whether a path, relative and `/`-separated, is matched. */
  matches(path: string): boolean {
    return this.#match(path).matched;
  }

  /** Whether something below a matched folder may be taken back; if not it need not be read. */
  mayTakeBack(folder: string): boolean {
    const prefix = `${folder}/`;
    return this.#patterns.some(({ exclusion, text, wild }) => exclusion && (wild || `${text}/`.startsWith(prefix)));
  }

  /** Whether something below the folder may be matched; if not it need not be read. */
  mayMatchBelow(folder: string): boolean {
    const path = folder.split('/');
    return this.#patterns.some(({ exclusion, segments }) => {
      if (exclusion) return false;
      const deep = segments.findIndex(({ anyDepth }) => anyDepth);
      const fixed = deep === -1 ? segments : segments.slice(0, deep);
      // All that both have must agree; then either the pattern goes on below, or it has matched a folder above.
      return fixed.every(({ regex }, index) => index >= path.length || regex.test(path[index]!));
    });
  }

  /** Pattern by pattern, with what the parent folder matched: the rule of BuildKit and of `docker build`. */
  #match(path: string): Matched {
    const slash = path.lastIndexOf('/');
    const parent = slash === -1 ? undefined : this.#folder(path.slice(0, slash));
    let matched = false;
    const each = this.#patterns.map((pattern, index) => {
      const inherited = parent?.each[index] ?? false;
      // A pattern that can't change the outcome is not looked at.
      const match = inherited || (pattern.exclusion === matched && pattern.regex.test(path));
      if (match) matched = !pattern.exclusion;
      return match;
    });
    return { matched, each };
  }

  #folder(path: string): Matched {
    let known = this.#folders.get(path);
    if (known === undefined) this.#folders.set(path, (known = this.#match(path)));
    return known;
  }
}

interface Matched {
  readonly matched: boolean;
  readonly each: readonly boolean[];
}

interface Pattern {
  readonly text: string;
  readonly exclusion: boolean;
  readonly wild: boolean;
  readonly regex: Matcher;
  readonly segments: readonly { readonly anyDepth: boolean; readonly regex: Matcher }[];
}

function compile(line: string): Pattern | undefined {
  let text = line.trim();
  const exclusion = text.startsWith('!');
  if (exclusion) text = text.slice(1).trim();
  if (exclusion && text === '') throw new SyntaxError('a ! takes nothing back: a pattern is missing behind it');
  if (text === '') return undefined;
  text = cleanPath(text);
  if (text.length > 1 && text.startsWith('/')) text = text.slice(1);
  const regex = patternRegex(text);
  // A class that holds a slash can't be cut into segments: any depth then.
  const segments = /\[[^\]]*\//.test(text) ? [ANY_DEPTH] : text.split('/').map((segment) => ({ anyDepth: segment.includes('**'), regex: patternRegex(segment) }));
  return { text, exclusion, wild: /[*?[\\]/.test(text), regex, segments };
}

const ANY_DEPTH = { anyDepth: true, regex: /^/ };

/** Go's path.Clean. */
export function cleanPath(path: string): string {
  const rooted = path.startsWith('/');
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') segments.push(segment);
    else if (segments.length > 0 && segments.at(-1) !== '..') segments.pop();
    else if (!rooted) segments.push('..');
  }
  const clean = segments.join('/');
  return rooted ? `/${clean}` : clean || '.';
}

/** Says whether a text is matched; a RegExp is one. */
export interface Matcher {
  test(text: string): boolean;
}

/** With more wildcards than this a regular expression tries too many ways to share the path between them. */
const FEW = 2;

/** Matches whole paths. Throws SyntaxError if the pattern is not valid (an unclosed `[`). */
export function patternRegex(pattern: string): Matcher {
  const steps = stepsOf(pattern);
  const wildcards = steps.filter((step) => step.repeats).length;
  return wildcards > FEW ? stepMatcher(steps) : new RegExp(`^${steps.map(({ regex }) => regex).join('')}$`, 'su');
}

function stepsOf(pattern: string): Step[] {
  // `**x` with nothing special behind it is any path that ends so, in file names as well.
  if (/^\*\*[^/*?[\]\\]/.test(pattern) && !/[*?[\]\\]/.test(pattern.slice(2))) return [ANYTHING, ...Array.from(pattern.slice(2), literalStep)];
  const steps: Step[] = [];
  const chars = Array.from(pattern);
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at]!;
    if (char === '*' && chars[at + 1] === '*') {
      at += 1;
      // `**/` is any number of folders, none as well; `**` at the end is anything.
      if (chars[at + 1] === '/') at += 1;
      steps.push(at + 1 >= chars.length ? ANYTHING : FOLDERS);
    } else if (char === '*') steps.push(ANY_NAME);
    else if (char === '?') steps.push(ANY_CHARACTER);
    else if (char === '[') {
      const end = classEnd(chars, at);
      steps.push(classStep(characterClass(chars.slice(at + 1, end).join(''))));
      at = end;
    } else steps.push(literalStep(char === '\\' && at + 1 < chars.length ? chars[++at]! : char));
  }
  return steps;
}

function classEnd(pattern: readonly string[], start: number): number {
  let at = start + 1;
  if (pattern[at] === '^') at += 1;
  for (let first = true; at < pattern.length; at += 1, first = false) {
    if (pattern[at] === '\\') at += 1;
    else if (pattern[at] === ']' && !first) return at;
  }
  throw new SyntaxError(`"${pattern.join('')}" has a [ without its ]`);
}

function characterClass(body: string): string {
  const negated = body.startsWith('^');
  const inner = (negated ? body.slice(1) : body).replace(/\\(.)|[[\]^&|~#$.*+?(){}/]/gsu, (all, char?: string) => classLiteral(char ?? all));
  return negated ? `[^/${inner}]` : `(?!/)[${inner}]`;
}

function classLiteral(char: string): string {
  return /[\\\]^[-]/.test(char) ? `\\${char}` : char;
}
