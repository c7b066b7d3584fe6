import { describe, expect, test } from '@jest/globals';
import { limiter } from '../../../src/util/limit.js';
import { inTurnPerKey, oncePerKey } from '../../../src/util/once.js';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('oncePerKey', () => {
  test('callers at one time share a run and its result; later ones run anew', async () => {
    const once = oncePerKey<string, number>();
    let runs = 0;
    const work = async (): Promise<number> => {
      await tick();
      return (runs += 1);
    };
    expect(await Promise.all([once('a', work), once('a', work), once('b', work)])).toEqual([1, 1, 2]);
    expect(await once('a', work)).toBe(3);
  });

  test('they share a failure too, thrown or rejected, and it is not remembered', async () => {
    const once = oncePerKey<string, number>();
    const bad = (): Promise<number> => {
      throw new Error('no');
    };
    const both = await Promise.allSettled([once('a', bad), once('a', async () => 1)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await once('a', async () => 2)).toBe(2);
  });
});

test('inTurnPerKey: one at a time per key, in order, past failures', async () => {
  const inTurn = inTurnPerKey<string>();
  const seen: string[] = [];
  const work = (name: string) => async (): Promise<string> => {
    seen.push(`${name} in`);
    await tick();
    seen.push(`${name} out`);
    if (name === 'b') throw new Error(name);
    return name;
  };
  const all = await Promise.allSettled([inTurn('k', work('a')), inTurn('k', work('b')), inTurn('k', work('c'))]);
  expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(seen).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
});

test('limiter: never more than its number, results and failures reach their callers', async () => {
  const limit = limiter(3);
  let running = 0;
  let most = 0;
  const task = (n: number) => async (): Promise<number> => {
    most = Math.max(most, (running += 1));
    await tick();
    running -= 1;
    if (n === 5) throw new Error('five');
    return n;
  };
  const all = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => limit(task(n))));
  expect(most).toBe(3);
  expect(all.map((one) => (one.status === 'fulfilled' ? one.value : -1))).toEqual(Array.from({ length: 20 }, (_, n) => (n === 5 ? -1 : n)));
});
