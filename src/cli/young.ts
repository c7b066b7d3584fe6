/** V8's flag for how the place for young objects grows. */
export const YOUNG = '--semi-space-growth-factor';
/** V8's own value. */
export const YOUNG_USUAL = 2;
