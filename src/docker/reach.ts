import { cleanPath, patternRegex, type Matcher } from './pattern.js';
import type { ContextSource } from './resolve.js';

/** Which paths of a context COPY, ADD and RUN --mount can reach. Errs on the side of more. */
export class Reach {
  readonly #sources: Source[] = [];
  #everything = false;

  constructor(sources: readonly Pick<ContextSource, 'pattern' | 'parents'>[]) {
    for (const { pattern, parents } of sources) this.add(pattern, parents);
  }

  static all(): Reach {
    return new Reach([{ pattern: '.', parents: false }]);
  }

  /** Adds a source; false if it was known. `undefined` is everything. */
  add(pattern: string | undefined, parents = false): boolean {
    const clean = pattern === undefined ? '' : cleanPath(`/${pattern}`).slice(1);
    if (this.#sources.some((source) => source.clean === clean && source.parents === parents)) return false;
    const segments = clean === '' ? undefined : compileSegments(clean);
    if (segments === undefined) this.#everything = true;
    this.#sources.push({ clean, parents, segments: segments ?? [] });
    return true;
  }

  /** The path itself, or a folder above it, is a source. */
  has(path: string): boolean {
    return this.#everything || this.#sources.some((source) => position(source, path.split('/')) === 'inside');
  }

  /** Something below the folder may be a source. */
  mayHaveBelow(folder: string): boolean {
    return this.#everything || this.#sources.some((source) => position(source, folder.split('/')) !== 'outside');
  }

  /** The folder lies above a source whose parent folders count. */
  needsParent(folder: string): boolean {
    return this.#sources.some((source) => source.parents && position(source, folder.split('/')) === 'above');
  }

  /**
   * For a symbolic link: what sources that name it, or lead through it, name behind it. The empty string is the link's
   * target itself.
   */
  behind(link: string): { readonly rest: string; readonly parents: boolean }[] {
    const path = link.split('/');
    return this.#sources.flatMap((source) => {
      if (source.segments.length < path.length || !path.every((segment, index) => matches(source.segments[index]!, segment))) return [];
      return [{ rest: source.clean.split('/').slice(path.length).join('/'), parents: source.parents }];
    });
  }
}

interface Source {
  readonly clean: string;
  readonly parents: boolean;
  readonly segments: readonly Segment[];
}

/** A literal, a pattern for one segment, or `**`. */
type Segment = string | Matcher | typeof ANY_DEPTH;
const ANY_DEPTH = Symbol('**');

/** Undefined for a pattern that can't be read: everything then. */
function compileSegments(clean: string): Segment[] | undefined {
  try {
    return clean.split('/').map((segment) => {
      if (segment.includes('**')) return ANY_DEPTH;
      return /[*?[\\]/.test(segment) ? patternRegex(segment) : segment;
    });
  } catch {
    return undefined;
  }
}

function position({ segments }: Source, path: readonly string[]): 'inside' | 'above' | 'outside' {
  const length = Math.min(segments.length, path.length);
  for (let index = 0; index < length; index += 1) {
    const segment = segments[index]!;
    // From here on any depth: what follows in the pattern is not looked at.
    if (segment === ANY_DEPTH) return 'inside';
    if (!matches(segment, path[index]!)) return 'outside';
  }
  return path.length >= segments.length ? 'inside' : 'above';
}

function matches(segment: Segment, name: string): boolean {
  if (segment === ANY_DEPTH) return true;
  return typeof segment === 'string' ? segment === name : segment.test(name);
}
