/** Remembers the promise for each argument; a failed one stays failed, since within one run nothing gets better. */
export interface Memoised<Result> {
  (name: string): Promise<Result>;
  /** Forgets all of them: what they were computed from has changed. */
  forget(): void;
}

export function memoised<Result>(work: (name: string) => Promise<Result>): Memoised<Result> {
  const results = new Map<string, Promise<Result>>();
  const get = (name: string) => {
    let result = results.get(name);
    if (result === undefined) {
      result = work(name);
      results.set(name, result);
    }
    return result;
  };
  return Object.assign(get, { forget: () => results.clear() });
}

/** Works at the first call; all calls share the result. */
export function lazy<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let result: Promise<Result> | undefined;
  return () => (result ??= work());
}
