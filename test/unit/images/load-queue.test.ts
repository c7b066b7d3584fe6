import { describe, expect, test } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import type { ImageId } from '../../../src/core/identity.js';
import { createLoadQueue } from '../../../src/images/load-queue.js';
import type { LoadableImage, Turn } from '../../../src/load/port.js';

/** A layer whose name is in capitals is large. */
const image = (name: string, ...layers: readonly string[]): LoadableImage => ({
  config: Buffer.from(name), tags: name === '' ? [] : [name], known: 0, layers: layers.map((one) => ({ diffId: `sha256:${one}`, size: one === one.toUpperCase() ? 10_000_000 : 1, content: { kind: 'engine' } })),
});
const always = (): boolean => true;

/** Loads are answered by hand; `calls` says what was sent, how many layers were left out of each, and when ends were. */
function rig() {
  const calls: string[] = [];
  const answers: (() => void)[] = [];
  const call = async (what: string, images: readonly LoadableImage[], turn: Turn = {}): Promise<void> => {
    const text = `${what} ${images.map(({ tags, known }) => `${tags[0] ?? 'nameless'}-${known}`).join(' ')}`;
    calls.push(text);
    turn.onLayers?.();
    if (turn.after !== undefined) await turn.after.then(() => calls.push(`end of ${text}`));
    await new Promise<void>((done) => answers.push(done));
  };
  const queue = createLoadQueue(async () => ({
    load: async (images, turn) => (await call('load', images, turn), images.map(({ config }) => config.toString() as ImageId)),
    ahead: async (one, turn) => (await call('ahead', [one], turn), one.config.toString() as ImageId),
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

describe('while the engine works', () => {
  test('many bytes are handed over, one load of them; its end waits', async () => {
    const { queue, calls, answer } = rig();
    for (const layers of [['A'], ['A', 'B'], ['A', 'B', 'C']]) void queue.ahead(image('', ...layers), always);
    await settled();
    expect(calls).toEqual(['ahead nameless-0', 'ahead nameless-1']);
    await answer();
    expect(calls.slice(2)).toEqual(['end of ahead nameless-1', 'ahead nameless-2']);
    await answer();
    expect(calls.slice(4)).toEqual(['end of ahead nameless-2']);
    await answer();
  });

  test('few wait, so that those that become ready meanwhile go together', async () => {
    const { queue, calls, answer } = rig();
    void queue.ahead(image('', 'A'), always);
    await settled();
    void queue.load(image('deps:1', 'A', 'b'));
    await settled();
    const both = queue.load(image('web:1', 'A', 'b', 'c'));
    await settled();
    expect(calls).toEqual(['ahead nameless-0']);
    await answer();
    expect(calls.slice(1)).toEqual(['load deps:1-1 web:1-1']);
    await answer();
    expect(await both).toBe('web:1');
  });

  test('images that nobody wants any more do not stand in the way', async () => {
    const { queue, calls } = rig();
    void queue.ahead(image('', 'A'), always);
    await settled();
    expect(await queue.ahead(image('', 'A', 'B'), () => false)).toBeUndefined();
    void queue.load(image('web:1', 'A', 'B', 'C'));
    await settled();
    expect(calls).toEqual(['ahead nameless-0', 'load web:1-1']);
  });

  test('what came to nothing is not counted on by later loads', async () => {
    const known: number[] = [];
    const queue = createLoadQueue(async () => ({ load: async ([one]) => (known.push(one!.known), ['id' as ImageId]), ahead: async () => undefined }));
    expect(await queue.ahead(image('', 'A'), always)).toBeUndefined();
    await queue.load(image('web:1', 'A', 'B'));
    expect(known).toEqual([0]);
  });
});
