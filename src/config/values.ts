import type { Placed } from '../core/place.js';

/** What is written, without where. */
export function values<T>(list: readonly Placed<T>[] | undefined): T[] {
  return (list ?? []).map((item) => item.value);
}
