/** Values that one side hands over when it has them, and the other waits for. */
export interface Channel<T> extends AsyncIterable<T> {
  send(value: T): void;
  /** There will be no more. */
  end(): void;
}

/** For one reader; what was sent before it reads is kept. */
export function channel<T>(): Channel<T> {
  const values: T[] = [];
  let ended = false;
  let wake: () => void = () => undefined;
  const send = (value: T): void => {
    values.push(value);
    wake();
  };
  const end = (): void => {
    ended = true;
    wake();
  };
  async function* read(): AsyncGenerator<T> {
    for (;;) {
      while (values.length > 0) yield values.shift() as T;
      if (ended) return;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  return { send, end, [Symbol.asyncIterator]: read };
}
