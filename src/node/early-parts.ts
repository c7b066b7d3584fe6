import { posix } from 'node:path';
import type { Part } from '../artifact/artifact.js';
import { groupOf, spreadOf } from '../artifact/spread.js';
import type { Unit } from './packages.js';
import type { Piece } from './piece.js';
import { title } from './select.js';
import type { TreeNode } from './tree.js';

/** A package's files at its place. */
export function packagePart(node: TreeNode, piece: Pick<Piece, 'blob' | 'size'>, prefix: string): Part {
  return { at: posix.join(prefix, node.location), piece: piece.blob, size: piece.size, package: title(node) };
}

export interface EarlyPartsOptions {
  readonly prefix: string;
  /** Told of a group (`artifact/spread.ts`) when it and all lower ones are there. */
  readonly onParts: (parts: readonly Part[]) => void;
  /** A package that will have another piece in the end: its group and all above are not told. */
  readonly isLate: (node: TreeNode, piece: Piece) => boolean;
  /** A package that will be left out although it is there. */
  readonly isOut: (node: TreeNode, piece: Piece) => boolean;
}

/** Parts of node_modules while packages come in. */
export class EarlyParts {
  /** Those of the lowest group first. */
  readonly inOrder: readonly Unit[];
  readonly #options: EarlyPartsOptions;
  readonly #spread: number;
  readonly #groups: Group[];
  #next = 0;

  constructor(units: readonly Unit[], options: EarlyPartsOptions) {
    this.#options = options;
    this.#spread = spreadOf(units.reduce((sum, { nodes }) => sum + nodes.length, 0));
    this.#groups = Array.from({ length: this.#spread }, () => ({ awaited: new Set<Unit>(), parts: [], isLate: false }));
    for (const unit of units) for (const node of unit.nodes) this.#groupOf(node).awaited.add(unit);
    this.inOrder = [...new Set(this.#groups.flatMap(({ awaited }) => [...awaited]))];
  }

  /** Without a piece: it is left out. */
  made(unit: Unit, piece: Piece | undefined): void {
    const { prefix, isLate, isOut } = this.#options;
    for (const node of unit.nodes) {
      const group = this.#groupOf(node);
      group.awaited.delete(unit);
      if (piece === undefined || isOut(node, piece)) continue;
      group.parts.push(packagePart(node, piece, prefix));
      group.isLate ||= isLate(node, piece);
    }
    this.#tell();
  }

  #tell(): void {
    for (let group = this.#groups[this.#next]; group !== undefined && group.awaited.size === 0 && !group.isLate; group = this.#groups[this.#next]) {
      this.#next += 1;
      this.#options.onParts(group.parts);
    }
  }

  #groupOf(node: TreeNode): Group {
    return this.#groups[groupOf(title(node), this.#spread)]!;
  }
}

interface Group {
  readonly awaited: Set<Unit>;
  readonly parts: Part[];
  isLate: boolean;
}
