/** Bytes of a source below which compiling it is likely to be over in seconds. */
const SMALL = 64 * 1024;

/** A source that is to be compiled. */
export interface QueuedSource {
  /** Bytes; Infinity where nobody knows. */
  readonly size: number;
  /** Of the package among all that are to be there, the lowest first (`Work.rank`). */
  readonly rank: number;
}

interface Waiting extends QueuedSource {
  begin(): void;
}

/**
 * Compilers that run at once: at most so many, the biggest source first, because the last one to end is what all wait for.
 * So small sources also let those go first that are on their way. But in one place of several those small ones go first that
 * are of a lower rank than all big ones: what lies above can be used when they are there.
 */
export class CompileQueue {
  #coming = 0;
  #waiting: Waiting[] = [];
  readonly #running = new Set<Waiting>();

  constructor(private readonly concurrency: number) {}

  async run<T>(source: QueuedSource, task: () => Promise<T>): Promise<T> {
    const running = await new Promise<Waiting>((resolve) => {
      const waiting: Waiting = { ...source, begin: () => resolve(waiting) };
      this.#waiting.push(waiting);
      this.#next();
    });
    try {
      return await task();
    } finally {
      this.#running.delete(running);
      this.#next();
    }
  }

  /** A source is on its way. To be called once: what is returned, when it is in the queue or will not come. */
  expect(): () => void {
    this.#coming += 1;
    let come = false;
    return () => {
      if (come) return;
      come = true;
      this.#coming -= 1;
      this.#next();
    };
  }

  #next(): void {
    while (this.#running.size < this.concurrency && this.#waiting.length > 0) {
      const first = this.#low() ?? this.#biggest();
      if (first === undefined) return;
      this.#waiting = this.#waiting.filter((one) => one !== first);
      this.#running.add(first);
      first.begin();
    }
  }

  #biggest(): Waiting | undefined {
    const biggest = this.#waiting.reduce((one, other) => (other.size > one.size ? other : one));
    return this.#coming > 0 && biggest.size < SMALL ? undefined : biggest;
  }

  #low(): Waiting | undefined {
    if (this.concurrency === 1 || [...this.#running].some(({ size }) => size < SMALL)) return undefined;
    const lowest = this.#waiting.reduce((one, other) => (other.rank < one.rank ? other : one));
    const big = [...this.#waiting, ...this.#running].filter(({ size }) => size >= SMALL);
    return lowest.size < SMALL && lowest.rank < Math.min(...big.map(({ rank }) => rank)) ? lowest : undefined;
  }
}
