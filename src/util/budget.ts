/**
 * An amount that work shares: bytes of memory, say. Whoever finds too little left waits in line, so big work is not overtaken
 * for ever by small. Work that wants more than there is gets all of it, and runs alone.
 */
export class Budget {
  readonly #whole: number;
  #left: number;
  readonly #line: { readonly amount: number; readonly start: () => void }[] = [];

  constructor(amount: number) {
    this.#whole = amount;
    this.#left = amount;
  }

  async spend<T>(amount: number, work: () => Promise<T>): Promise<T> {
    const share = Math.min(amount, this.#whole);
    if (this.#line.length > 0 || this.#left < share) await new Promise<void>((start) => this.#line.push({ amount: share, start }));
    else this.#left -= share;
    try {
      return await work();
    } finally {
      this.#left += share;
      this.#admit();
    }
  }

  #admit(): void {
    for (let first = this.#line[0]; first !== undefined && first.amount <= this.#left; first = this.#line[0]) {
      this.#line.shift();
      this.#left -= first.amount;
      first.start();
    }
  }
}
