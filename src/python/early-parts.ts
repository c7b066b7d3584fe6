import type { Part } from '../artifact/artifact.js';
import { groupOf, spreadOf } from '../artifact/spread.js';
import type { PieceRecord } from './installation.js';
import type { Obtained } from './obtained.js';

/** A package's files at the environment's prefix. */
export function packagePart({ wheel }: Pick<Obtained, 'wheel'>, { piece, size }: PieceRecord, prefix: string): Part {
  return { at: prefix, piece, size, package: `${wheel.name} ${wheel.version}` };
}

export interface EarlyPartsOptions {
  readonly prefix: string;
  /** Told of a group (`artifact/spread.ts`) when all packages of it and of the lower ones are there. */
  readonly onParts: (parts: readonly Part[]) => void;
}

/** Parts of an environment while its packages are installed. */
export class EarlyParts {
  readonly #spread: number;
  readonly #groups: { awaited: number; readonly parts: Part[] }[];
  #next = 0;

  constructor(packages: readonly Obtained[], private readonly options: EarlyPartsOptions) {
    this.#spread = spreadOf(packages.length);
    this.#groups = Array.from({ length: this.#spread }, () => ({ awaited: 0, parts: [] }));
    for (const { wheel } of packages) this.#group(`${wheel.name} ${wheel.version}`).awaited += 1;
  }

  made(obtained: Obtained, piece: PieceRecord): void {
    const part = packagePart(obtained, piece, this.options.prefix);
    const group = this.#group(part.package as string);
    group.parts.push(part);
    group.awaited -= 1;
    for (let next = this.#groups[this.#next]; next?.awaited === 0; next = this.#groups[this.#next]) {
      this.#next += 1;
      this.options.onParts(next.parts);
    }
  }

  #group(title: string): { awaited: number; readonly parts: Part[] } {
    return this.#groups[groupOf(title, this.#spread)] as { awaited: number; readonly parts: Part[] };
  }
}
