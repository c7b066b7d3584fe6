import type { Part } from './artifact.js';
import { groupOf, groupsBelowHeavy, isLarge, spreadOf } from './spread.js';

/** What became of one package of a source. */
export interface MadePart {
  /** The package, with or without its version. */
  readonly name: string;
  /** Absent: it is left out. */
  readonly part?: Part;
  /** It will have another part in the end: its group and all above are not told. */
  readonly isLate?: boolean;
}

/** A package's name, and what it comes out of: one source may bring several. */
export type Member<Source> = readonly [name: string, source: Source];

/**
 * The parts of an artifact while its packages come in. Tells of a group (`spread.ts`) when all of it and of the lower ones is there, of
 * that of the heavy ones not before all sources have said whether they are (`weighs`), then of the large ones, and last of those that are built; what it told is not taken back: who begins with it looks at the end whether it came out so.
 */
export class PartGroups<Source> {
  readonly #spread: number;
  /** Those of `spread.ts` with that of heavy packages between them, that of large packages and that of built ones. */
  readonly #groups: readonly Group<Source>[];
  readonly #spreadOut: readonly Group<Source>[];
  readonly #heavy: Group<Source> = emptyGroup();
  /** Which may be heavy. */
  readonly #unweighed = new Set<Source>();
  /** Which they are shows when they are there: it waits for nothing but the groups below. */
  readonly #large: Group<Source> = emptyGroup();
  readonly #built: Group<Source> = emptyGroup();
  readonly #names: Set<string>;
  #count: number;
  #next = 0;

  /** `areWeighed`: of each source it is told whether it is heavy. */
  constructor(members: readonly Member<Source>[], private readonly onParts: (parts: readonly Part[]) => void, private readonly areWeighed = false) {
    this.#count = members.length;
    this.#spread = spreadOf(this.#count);
    this.#spreadOut = Array.from({ length: this.#spread }, () => emptyGroup<Source>());
    const below = groupsBelowHeavy(this.#spread);
    this.#groups = [...this.#spreadOut.slice(0, below), this.#heavy, ...this.#spreadOut.slice(below), this.#large, this.#built];
    this.#names = new Set(members.map(([name]) => name));
    for (const [name, source] of members) this.#await(this.#groupOf(name), source);
  }

  /** All sources, those of the lowest group first. */
  get inOrder(): readonly Source[] {
    return [...new Set(this.#groups.flatMap(({ awaited }) => [...awaited]))];
  }

  /** Packages that nobody knew of at first: nothing is told any more where that changes what was. */
  add(members: readonly Member<Source>[]): void {
    const added = members.filter(([name]) => !this.#names.has(name));
    for (const [name] of added) this.#names.add(name);
    this.#count += added.length;
    const isOther = spreadOf(this.#count) !== this.#spread;
    for (const [name, source] of added) {
      const group = this.#groupOf(name);
      this.#await(group, source);
      if (isOther || this.#isTold(group)) this.#next = this.#groups.length;
    }
  }

  /** It turns out that the source is to be built: no other group waits for it. */
  builds(source: Source): void {
    this.#unweighed.delete(source);
    for (const group of this.#groups) if (group.awaited.delete(source)) this.#built.awaited.add(source);
    this.#tell();
  }

  /** It turns out how much the source is, before it is made. */
  weighs(source: Source, isHeavy: boolean): void {
    if (!this.#unweighed.delete(source)) return;
    if (isHeavy) {
      for (const group of this.#groups) group.awaited.delete(source);
      this.#heavy.awaited.add(source);
      if (this.#isTold(this.#heavy)) this.#next = this.#groups.length;
    }
    this.#tell();
  }

  /** A source that was not awaited, or was told of before, changes nothing. */
  made(source: Source, found: readonly MadePart[]): void {
    this.#unweighed.delete(source);
    const waiting = new Set(this.#groups.filter(({ awaited }) => awaited.delete(source)));
    for (const { name, part, isLate = false } of found) {
      if (part === undefined) continue;
      const own = part.heavy === true ? this.#heavy : this.#groupOf(name);
      const group = part.built === true ? this.#built : own !== this.#heavy && isLarge(part) ? this.#large : own;
      if ((part.built === true ? waiting.size === 0 : !waiting.has(own)) || this.#isTold(group)) continue;
      group.parts.push(part);
      group.isLate ||= isLate;
    }
    this.#tell();
  }

  #await(group: Group<Source>, source: Source): void {
    group.awaited.add(source);
    if (this.areWeighed) this.#unweighed.add(source);
  }

  #tell(): void {
    const isWhole = (group: Group<Source>): boolean => group.awaited.size === 0 && !group.isLate && (group !== this.#heavy || this.#unweighed.size === 0);
    for (let group = this.#groups[this.#next]; group !== undefined && isWhole(group); group = this.#groups[this.#next]) {
      this.#next += 1;
      if (group.parts.length > 0) this.onParts(group.parts);
    }
  }

  #isTold(group: Group<Source>): boolean {
    return this.#groups.indexOf(group) < this.#next;
  }

  #groupOf(name: string): Group<Source> {
    return this.#spreadOut[groupOf(name, this.#spread)]!;
  }
}

interface Group<Source> {
  readonly awaited: Set<Source>;
  readonly parts: Part[];
  isLate: boolean;
}

function emptyGroup<Source>(): Group<Source> {
  return { awaited: new Set(), parts: [], isLate: false };
}
