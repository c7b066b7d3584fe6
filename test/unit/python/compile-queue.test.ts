import { describe, expect, test } from '@jest/globals';
import { CompileQueue } from '../../../src/python/compile-queue.js';

const KiB = 1024;

/** Tasks that note their start and end when they are told to. */
function tasks(queue: CompileQueue) {
  const started: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const run = (name: string, size: number): Promise<string> =>
    queue.run(size, () => {
      started.push(name);
      return new Promise((resolve, reject) => ends.set(name, (error) => (error === undefined ? resolve(name) : reject(error))));
    });
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { started, run, settled, end: (name: string, error?: Error) => (ends.get(name)?.(error), settled()) };
}

describe('compilers', () => {
  test('at most so many at once, the biggest source first, unknown ones before all', async () => {
    const { started, run, end, settled } = tasks(new CompileQueue(2));
    const all = [run('first', 1 * KiB), run('second', 2 * KiB), run('small', 3 * KiB), run('big', 900 * KiB), run('unknown', Infinity)];
    await settled();
    expect(started).toEqual(['first', 'second']);
    for (const name of ['second', 'unknown', 'big', 'first', 'small']) await end(name);
    expect(started).toEqual(['first', 'second', 'unknown', 'big', 'small']);
    expect(await Promise.all(all)).toEqual(['first', 'second', 'small', 'big', 'unknown']);
  });

  test('one that fails gives its place to the next', async () => {
    const { started, run, end } = tasks(new CompileQueue(1));
    const failing = run('failing', 1);
    const next = run('next', 1);
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([expect(failing).rejects.toThrow('broken'), end('failing', new Error('broken'))]);
    expect(started).toEqual(['failing', 'next']);
    await end('next');
    expect(await next).toBe('next');
  });

  test('small sources wait for those that are on their way, big ones do not', async () => {
    const queue = new CompileQueue(2);
    const { started, run, end, settled } = tasks(queue);
    const [come, neverComes] = [queue.expect(), queue.expect()];
    const small = run('small', 10 * KiB);
    const big = run('big', 500 * KiB);
    await settled();
    expect(started).toEqual(['big']);
    const late = run('late', 300 * KiB);
    come();
    come();
    await settled();
    expect(started).toEqual(['big', 'late']);
    await end('big');
    expect(started).toEqual(['big', 'late']);
    neverComes();
    await settled();
    expect(started).toEqual(['big', 'late', 'small']);
    await end('late');
    await end('small');
    expect(await Promise.all([small, big, late])).toEqual(['small', 'big', 'late']);
  });
});
