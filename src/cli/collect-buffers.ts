import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { COLLECTING } from './v8-flags.js';

/** Bytes of buffers and of the heap that came since the last collection. */
const MUCH = 12 << 20;
/** As many, which are left by collections of what is young alone. */
const TOO_MUCH = 28 << 20;
/** Milliseconds. */
const EVERY = 40;
/** Milliseconds between whole collections that may be for nothing: what is held may be in use. */
const OFTEN = 1000;
/** Seconds: by then most of Node's own modules are loaded, which it compiles anew under other flags, and what is kept of ours is (launch.ts). */
const BEGIN = 0.3;

/**
 * Frees what downloads, archives and loads have read, as soon as it is much. V8 sees how little its own heap grows, and lets
 * tens of megabytes of such buffers stand. Most of them are young, and collecting those takes little; a whole collection takes
 * 20 to 40 ms. The place for what is young grows no further: that is tens of megabytes, and saves no time where it is emptied as often.
 * What nobody holds is freed at once, so that what is counted after a collection is what is held.
 */
export function collectBuffers(): void {
  let collect: Collect | undefined;
  /** What was still held after the last collection, after the last whole one, and the least of these. */
  let held = usage();
  let old = held;
  let least = held;
  let whole = 0;
  const look = (): void => {
    if (process.uptime() < BEGIN) return;
    // Each time: keeping compiled code takes it back.
    COLLECTING.forEach(setFlagsFromString);
    const used = usage();
    held = Math.min(held, used);
    if (used - held < MUCH) return;
    collect ??= collector();
    collect({ type: 'minor' });
    held = usage();
    if (held - old < TOO_MUCH && (held - least < TOO_MUCH || performance.now() - whole < OFTEN)) return;
    collect();
    whole = performance.now();
    held = old = usage();
    least = Math.min(least, held);
  };
  setInterval(look, EVERY).unref();
}

/** Without options it is whole: V8 11 takes any that it does not know for `minor`. */
type Collect = (options?: { readonly type: 'minor' }) => void;

function usage(): number {
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

/** Given at the start, the flag would make Node compile its own modules anew. */
function collector(): Collect {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  return collect;
}
