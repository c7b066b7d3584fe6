import type { Part } from '../artifact/artifact.js';
import type { PieceRecord } from './installation.js';
import type { Obtained } from './obtained.js';

/** A package's files at the environment's prefix. */
export function packagePart({ wheel }: Pick<Obtained, 'wheel'>, { piece, size }: Pick<PieceRecord, 'piece' | 'size'>, prefix: string): Part {
  return { at: prefix, piece, size, package: `${wheel.name} ${wheel.version}` };
}
