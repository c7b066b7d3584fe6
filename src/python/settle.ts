import type { Problem } from '../core/failure.js';
import { Failed } from '../core/failure.js';

/** All results, once all are finished; if some failed, one Failed with all their problems. Bugs are thrown as they are. */
export async function settleAll<T>(tasks: readonly Promise<T>[]): Promise<readonly T[]> {
  const settled = await Promise.allSettled(tasks);
  const problems: Problem[] = [];
  for (const result of settled) {
    if (result.status === 'fulfilled') continue;
    if (!(result.reason instanceof Failed)) throw result.reason;
    for (const problem of result.reason.problems) if (!problems.includes(problem)) problems.push(problem);
  }
  if (problems.length > 0) throw new Failed(problems);
  return settled.map((result) => (result as PromiseFulfilledResult<T>).value);
}
