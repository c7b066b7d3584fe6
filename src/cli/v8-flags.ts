/** Bytes of code that run before a function is compiled better, by the release of V8: what another's is, is not known, and must be to be put back. */
const BUDGETS: Readonly<Record<string, number>> = { '11.3': 67_584 };

/** Flags of V8 while buffers come and go (collect-buffers.ts), and the same as V8 has them at the start. */
export const COLLECTING = flags({ growth: 1, heap: 400, concurrent: 'no-', budget: 8 });
export const USUAL = flags({ growth: 2, heap: 0, concurrent: '', budget: 1 });

interface Settings {
  readonly growth: number;
  /** Percent; 0: V8 finds out. */
  readonly heap: number;
  readonly concurrent: '' | 'no-';
  /** How many times V8's own. */
  readonly budget: number;
}

/**
 * How the place for young objects grows; how much more there may be after a collection before V8 begins the next by itself (left to it, some
 * 20 MB that stay came to 50 whole collections in 45 s, while it is buffers that come and go, and those are looked after by us); who frees the buffers that a collection found without a holder: another thread may
 * come to it late, and on a busy machine tens of megabytes stand until it does; and how soon functions are compiled better: a run of a
 * minute in which most of the work is others' gets less of that than it costs.
 */
function flags({ growth, heap, concurrent, budget }: Settings): readonly string[] {
  const usual = BUDGETS[process.versions.v8.split('.').slice(0, 2).join('.')];
  return [`--semi-space-growth-factor=${growth}`, `--heap-growing-percent=${heap}`, `--${concurrent}concurrent-array-buffer-sweeping`, ...(usual === undefined ? [] : [`--interrupt-budget=${usual * budget}`])];
}
