import { expect, test } from '@jest/globals';
import { Slots } from '../../../src/net/slots.js';

test('who is urgent goes before all others that wait, and otherwise the first comes first', async () => {
  const slots = new Slots(1);
  const order: string[] = [];
  const use = async (name: string, urgent = false): Promise<void> => {
    const release = await slots.take({ urgent });
    order.push(name);
    await Promise.resolve();
    release();
    release();
  };
  await Promise.all([use('a'), use('b'), use('c'), use('d', true), use('e', true), use('f')]);
  expect(order).toEqual(['a', 'd', 'e', 'b', 'c', 'f']);
  // All are given back, and no more than there are.
  const free = await slots.take();
  let second = false;
  void slots.take().then(() => (second = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(second).toBe(false);
  free();
  await new Promise((resolve) => setImmediate(resolve));
  expect(second).toBe(true);
});
