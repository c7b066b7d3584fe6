import type { PackageKey } from '../core/identity.js';
import type { LockedWheel } from './lock.js';
import type { WheelRecord } from './wheel-record.js';

/** A package in the store. */
export interface Obtained {
  readonly locked: LockedWheel;
  readonly key: PackageKey;
  readonly wheel: WheelRecord;
}
