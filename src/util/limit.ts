/** Runs a task as soon as fewer than the limit are running, in the order asked; gives its result or failure. */
export type Limit = <T>(task: () => Promise<T>) => Promise<T>;

/** At most `concurrency` tasks at once. p-queue is loaded at the first task: it costs 20 ms of start-up. */
export function limiter(concurrency: number): Limit {
  let queue: Promise<{ add(task: () => Promise<unknown>): Promise<unknown> }> | undefined;
  return async <T>(task: () => Promise<T>) => {
    queue ??= import('p-queue').then(({ default: Queue }) => new Queue({ concurrency }));
    return (await (await queue).add(task)) as T;
  };
}
