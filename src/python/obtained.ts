import type { PackageKey } from '../core/identity.js';
import type { LockedWheel } from './lock.js';
import type { WheelRecord } from './wheel-record.js';

/** A package in the store. */
export interface Obtained {
  readonly locked: LockedWheel;
  readonly key: PackageKey;
  readonly wheel: WheelRecord;
}

/** Its wheel is compiled here, out of an archive or folder of sources or a git repository. */
export function isBuilt({ origin }: Pick<LockedWheel, 'origin'>): boolean {
  return !(origin.kind === 'archive' && origin.format === 'wheel');
}
