import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes of buffers and of the heap that came since the last collection. */
const MUCH = 16 << 20;
/** Milliseconds. */
const EVERY = 100;

/**
 * Frees what downloads, archives and loads have read, as soon as it is much. V8 sees how little its own heap grows, and lets
 * tens of megabytes of such buffers stand, which made a sixth of a cold run's peak. A collection takes 20 to 40 ms.
 */
export function collectBuffers(): void {
  let collect: (() => void) | undefined;
  /** What was still held afterwards. */
  let held = usage();
  const look = (): void => {
    const used = usage();
    held = Math.min(held, used);
    if (used - held < Math.max(MUCH, held / 4)) return;
    collect ??= collector();
    collect();
    held = usage();
  };
  setInterval(look, EVERY).unref();
}

function usage(): number {
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

/**
 * Given at the start, the flag would make Node compile its own modules anew; and it is taken back, since compiled code that
 * is kept (launch.ts) is refused under other flags.
 */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  return collect;
}
