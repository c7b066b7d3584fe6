import { describe, expect, test } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import type { ImageId } from '../../../src/core/identity.js';
import { createLoadQueue } from '../../../src/images/load-queue.js';
import type { LoadableImage } from '../../../src/load/port.js';

const image = (name: string, ...layers: readonly string[]): LoadableImage => ({
  config: Buffer.from(name), tags: name === '' ? [] : [name], known: 0, layers: layers.map((one) => ({ diffId: `sha256:${one}`, size: 1, content: { kind: 'engine' } })),
});
const always = (): boolean => true;

/** Loads are answered by hand; `calls` says what was sent, and how many layers were left out of each. */
function rig() {
  const calls: string[] = [];
  const answers: (() => void)[] = [];
  const call = async (what: string, images: readonly LoadableImage[]): Promise<void> => {
    calls.push(`${what} ${images.map(({ tags, known }) => `${tags[0] ?? 'nameless'}-${known}`).join(' ')}`);
    await new Promise<void>((done) => answers.push(done));
  };
  const queue = createLoadQueue(async () => ({
    load: async (images) => (await call('load', images), images.map(({ config }) => config.toString() as ImageId)),
    ahead: async (one) => (await call('ahead', [one]), one.config.toString() as ImageId),
  }));
  const answer = async (): Promise<void> => {
    answers.shift()!();
    await settled();
  };
  return { queue, calls, answer };
}

const settled = async (): Promise<void> => {
  for (let count = 0; count < 10; count += 1) await turn();
};

describe('layers sent ahead', () => {
  test('wait for images, and one goes at a time', async () => {
    const { queue, calls, answer } = rig();
    const sent = Promise.all([queue.ahead(image('', 'a'), always), queue.ahead(image('', 'a', 'b'), always), queue.load(image('web:1', 'x'))]);
    await settled();
    expect(calls).toEqual(['load web:1-0']);
    await answer();
    expect(calls.slice(1)).toEqual(['ahead nameless-0']);
    await answer();
    expect(calls.slice(2)).toEqual(['ahead nameless-1']);
    await answer();
    expect(await sent).toEqual(['', '', 'web:1']);
  });

  test('are left out of the image that has them', async () => {
    const { queue, calls, answer } = rig();
    void queue.ahead(image('', 'a', 'b'), always);
    await settled();
    void queue.load(image('web:1', 'a', 'b', 'c'));
    void queue.load(image('worker:1', 'a', 'other'));
    await answer();
    expect(calls).toEqual(['ahead nameless-0', 'load web:1-2 worker:1-0']);
    await answer();
  });

  test('that nobody wants any more are not sent', async () => {
    const { queue, calls } = rig();
    expect(await queue.ahead(image('', 'a'), () => false)).toBeUndefined();
    expect(calls).toEqual([]);
  });

  test('are nobody’s failure but their own', async () => {
    const queue = createLoadQueue(async () => ({ load: async (images) => images.map(({ config }) => config.toString() as ImageId), ahead: () => Promise.reject(new Error('no')) }));
    await expect(queue.ahead(image('', 'a'), always)).rejects.toThrow('no');
    expect(await queue.load(image('web:1', 'a'))).toBe('web:1');
  });
});
