import type { Part } from '../artifact/artifact.js';
import { isHeavy } from '../artifact/spread.js';
import type { PieceRecord } from './installation.js';
import { isBuilt, type Obtained } from './obtained.js';

/** A package's files at the environment's prefix. */
export function packagePart({ locked, wheel }: Pick<Obtained, 'locked' | 'wheel'>, { piece, size }: Pick<PieceRecord, 'piece' | 'size'>, prefix: string): Part {
  const turn = isBuilt(locked) ? { built: true as const } : isHeavy(wheel.size) ? { heavy: true as const } : {};
  return { at: prefix, piece, size, package: `${wheel.name} ${wheel.version}`, ...turn };
}
