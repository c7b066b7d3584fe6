/** The same promise for the same argument; a failed one stays failed, since within one run nothing gets better. */
export function memoised<Result>(work: (name: string) => Promise<Result>): (name: string) => Promise<Result> {
  const results = new Map<string, Promise<Result>>();
  return (name) => {
    let result = results.get(name);
    if (result === undefined) {
      result = work(name);
      results.set(name, result);
    }
    return result;
  };
}
