/** A number of places; whoever finds none free waits in line, the urgent before all others. */
export class Slots {
  #free: number;
  readonly #urgent: (() => void)[] = [];
  readonly #line: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves to the function that gives the place back; calling it twice is fine. */
  async take({ urgent = false }: { readonly urgent?: boolean } = {}): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => (urgent ? this.#urgent : this.#line).push(resolve));
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const next = this.#urgent.shift() ?? this.#line.shift();
      if (next === undefined) this.#free += 1;
      else next();
    };
  }
}
