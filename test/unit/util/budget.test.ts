import { expect, test } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { Budget } from '../../../src/util/budget.js';

/** Work that ends when it is told to. */
function work(budget: Budget, running: Set<string>) {
  return (name: string, amount: number) => {
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const done = budget.spend(amount, async () => {
      running.add(name);
      await ended;
      running.delete(name);
      return name;
    });
    return { end, done };
  };
}

test('as much as fits runs at once, in the order asked; what wants more than all runs alone', async () => {
  const running = new Set<string>();
  const start = work(new Budget(10), running);
  const [a, b, c, d, e] = [start('a', 4), start('b', 6), start('c', 100), start('d', 1), start('e', 9)];
  const now = async (): Promise<string> => {
    await setImmediate();
    return [...running].join('');
  };
  expect(await now()).toBe('ab');
  a.end();
  expect(await now()).toBe('b');
  b.end();
  expect(await now()).toBe('c');
  c.end();
  expect(await now()).toBe('de');
  d.end();
  e.end();
  expect(await Promise.all([a, b, c, d, e].map(({ done }) => done))).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('work that fails gives its share back', async () => {
  const budget = new Budget(1);
  await expect(budget.spend(1, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await budget.spend(1, () => Promise.resolve('yes'))).toBe('yes');
});
