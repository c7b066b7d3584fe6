import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes of buffers that nobody may hold any more. */
const MUCH = 32 << 20;
/** Milliseconds. */
const EVERY = 100;

/**
 * Frees what downloads, archives and loads have read, as soon as it is much. V8 sees how little its own heap grows, and lets
 * tens of megabytes of such buffers stand, which made a third of a cold run's peak. A collection takes some 20 ms.
 */
export function collectBuffers(): void {
  let collect: (() => void) | undefined;
  const look = (): void => {
    if (process.memoryUsage().arrayBuffers < MUCH) return;
    collect ??= collector();
    collect();
  };
  setInterval(look, EVERY).unref();
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
