/** Bytes of a source below which compiling it is likely to be over in seconds. */
const SMALL = 64 * 1024;

interface Waiting {
  readonly size: number;
  begin(): void;
}

/**
 * Compilers that run at once: at most so many, the biggest source first, because the last one to end is what all wait for.
 * So small sources also let those go first that are on their way.
 */
export class CompileQueue {
  #free: number;
  #coming = 0;
  #waiting: Waiting[] = [];

  constructor(concurrency: number) {
    this.#free = concurrency;
  }

  /** `size` in bytes; Infinity where nobody knows. */
  async run<T>(size: number, task: () => Promise<T>): Promise<T> {
    await new Promise<void>((begin) => {
      this.#waiting.push({ size, begin });
      this.#next();
    });
    try {
      return await task();
    } finally {
      this.#free += 1;
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
    while (this.#free > 0 && this.#waiting.length > 0) {
      const biggest = this.#waiting.reduce((one, other) => (other.size > one.size ? other : one));
      if (this.#coming > 0 && biggest.size < SMALL) return;
      this.#waiting = this.#waiting.filter((one) => one !== biggest);
      this.#free -= 1;
      biggest.begin();
    }
  }
}
