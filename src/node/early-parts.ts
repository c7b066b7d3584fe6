import { posix } from 'node:path';
import type { Part } from '../artifact/artifact.js';
import { PartGroups } from '../artifact/part-groups.js';
import type { Unit } from './packages.js';
import type { Piece } from './piece.js';
import { title } from './select.js';
import type { TreeNode } from './tree.js';

export interface PartSettings {
  readonly prefix: string;
  /** A package that will have another piece in the end, which its scripts make of this one. */
  readonly isBuilt: (node: TreeNode, piece: Piece) => boolean;
}

/** A package's files at its place. */
export function packagePart(node: TreeNode, piece: Piece, { prefix, isBuilt }: PartSettings): Part {
  return { at: posix.join(prefix, node.location), piece: piece.blob, size: piece.size, package: title(node), ...(isBuilt(node, piece) ? { built: true } : {}) };
}

export interface EarlyPartsOptions extends PartSettings {
  readonly onParts: (parts: readonly Part[]) => void;
  /** A package that will be left out although it is there. */
  readonly isOut: (node: TreeNode, piece: Piece) => boolean;
}

/** Parts of node_modules while packages come in. */
export class EarlyParts {
  /** Those of the lowest group first. */
  readonly inOrder: readonly Unit[];
  readonly #groups: PartGroups<Unit>;

  constructor(units: readonly Unit[], private readonly options: EarlyPartsOptions) {
    this.#groups = new PartGroups(units.flatMap((unit) => unit.nodes.map((node) => [title(node), unit] as const)), options.onParts);
    this.inOrder = this.#groups.inOrder;
  }

  /** Without a piece: it is left out. */
  made(unit: Unit, piece: Piece | undefined): void {
    const { isBuilt, isOut } = this.options;
    this.#groups.made(unit, unit.nodes.map((node) => ({
      name: title(node),
      ...(piece === undefined || isOut(node, piece) ? {} : { part: packagePart(node, piece, this.options), isLate: isBuilt(node, piece) }),
    })));
  }
}
