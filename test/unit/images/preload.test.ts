import { describe, expect, test } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import type { Part } from '../../../src/artifact/artifact.js';
import type { OciConfig } from '../../../src/assemble/oci-config.js';
import { Failed } from '../../../src/core/failure.js';
import type { Digest, ImageId } from '../../../src/core/identity.js';
import { Preload, type Foundation } from '../../../src/images/preload.js';
import type { Layer } from '../../../src/layers/layer.js';
import type { LoadableImage } from '../../../src/load/port.js';

const MiB = 1024 * 1024;
const layer = (name: string, size: number): Layer => ({ diffId: `sha256:${name}`, size, content: { kind: 'engine' } });
const group = (name: string, size: number): readonly Part[] => [{ at: '/app', piece: name as Digest, size }];
const base: Layer = layer('base', -1);
const parent = { config: { architecture: 'arm64', os: 'linux', config: { User: 'somebody' } } as unknown as OciConfig, layers: [base], base: 'sha256:parent' as ImageId };

interface Answers {
  readonly isOneByOne?: boolean;
  readonly foundation?: () => Promise<Foundation | undefined>;
  readonly next?: (part: Part) => Promise<Layer>;
}

/** An engine that takes its time: each image waits for `answer`. */
function rig({ isOneByOne = false, foundation, next = async (part) => layer(part.piece, part.size) }: Answers = {}) {
  const sent: LoadableImage[] = [];
  const removed: string[] = [];
  const open: { readonly image: LoadableImage; readonly done: (id: ImageId | undefined) => void; readonly failed: (error: Error) => void }[] = [];
  const preload = new Preload({
    foundation: foundation ?? (async () => ({ parent, known: 1, early: { next: async function* (parts) { for (const part of parts) yield await next(part); } }, isOneByOne })),
    send: (image, isWanted) => new Promise((done, failed) => {
      if (!isWanted()) return done(undefined);
      sent.push(image);
      open.push({ image, done, failed });
    }),
    remove: async (id) => void removed.push(id),
    labels: async () => ({ left: 'over' }),
  });
  let answered = 0;
  const answer = async (): Promise<void> => {
    open.shift()!.done(`sha256:image ${(answered += 1)}` as ImageId);
    await settled();
  };
  const names = () => sent.map(({ layers }) => layers.map(({ diffId }) => diffId.slice(7)).join(' '));
  return { preload, sent, names, removed, open, answer };
}

const settled = async (): Promise<void> => {
  for (let count = 0; count < 20; count += 1) await turn();
};

describe('layers that are sent ahead', () => {
  test('go two at a time, each on those before it, while others are made', async () => {
    const { preload, names, answer, removed } = rig();
    for (const name of ['a', 'b', 'c']) preload.add(group(name, 9 * MiB));
    await settled();
    expect(names()).toEqual(['base a', 'base a b']);
    await answer();
    expect(names()).toEqual(['base a', 'base a b', 'base a b c']);
    expect(removed).toEqual([]);
    await answer();
    // The one before it is needed no more: its layers are in this one.
    expect(removed).toEqual(['sha256:image 1']);
    await answer();
    await preload.clear();
    expect(removed).toEqual(['sha256:image 1', 'sha256:image 2', 'sha256:image 3']);
  });

  test('go one after the other, each with all that is there, where the engine takes long for each', async () => {
    const { preload, names, answer } = rig({ isOneByOne: true });
    preload.add(group('little', 9 * MiB));
    await settled();
    expect(names()).toEqual([]);
    preload.add(group('a', 9 * MiB));
    await settled();
    for (const name of ['b', 'c', 'd']) preload.add(group(name, 9 * MiB));
    await settled();
    expect(names()).toEqual(['base little a']);
    await answer();
    expect(names()).toEqual(['base little a', 'base little a b c d']);
    await answer();
    expect(names()).toHaveLength(2);
    await preload.clear();
  });

  test('have no name, and labels by which they are found', async () => {
    const { preload, sent } = rig();
    preload.add(group('a', 9 * MiB));
    await settled();
    expect(sent[0]).toMatchObject({ tags: [], known: 1, base: 'sha256:parent' });
    expect(JSON.parse(sent[0]!.config.toString())).toEqual({
      architecture: 'arm64', os: 'linux', config: { Labels: { left: 'over' } }, rootfs: { type: 'layers', diff_ids: ['sha256:base', 'sha256:a'] }, history: expect.anything(),
    });
  });

  test('go together where one is too small to be worth it', async () => {
    const { preload, names } = rig();
    for (const name of ['a', 'b', 'c']) preload.add(group(name, 1.5 * MiB));
    await settled();
    expect(names()).toEqual(['base a b']);
  });

  test('and are not sent at all where they are few bytes', async () => {
    const { preload, sent } = rig();
    for (const name of ['a', 'b', 'c']) preload.add(group(name, MiB / 2));
    await settled();
    await preload.clear();
    expect(sent).toEqual([]);
  });

  test('nothing is begun after the end; what is on its way is removed when it has come', async () => {
    const { preload, names, answer, removed } = rig();
    for (const name of ['a', 'b', 'c']) preload.add(group(name, 9 * MiB));
    await settled();
    await preload.end();
    preload.add(group('d', 9 * MiB));
    const cleared = preload.clear();
    await answer();
    await answer();
    await cleared;
    expect(names()).toEqual(['base a', 'base a b']);
    expect(removed).toEqual(['sha256:image 1', 'sha256:image 2']);
  });
});

describe('given up without a word', () => {
  const failure = (): Promise<never> => Promise.reject(new Failed({ reason: 'engine', message: 'no' }));

  test.each<readonly [string, Answers]>([
    ['nothing can be sent ahead', { foundation: async () => undefined }],
    ['what lies below is not to be had', { foundation: failure }],
    ['a layer cannot be made', { next: failure }],
  ])('%s', async (_, answers) => {
    const { preload, sent, removed } = rig(answers);
    for (const name of ['a', 'b']) preload.add(group(name, 9 * MiB));
    await settled();
    await preload.clear();
    expect([sent, removed]).toEqual([[], []]);
  });

  test('the engine fails, or does not take it: no more is sent, what it has is removed', async () => {
    for (const refuse of [(one: ReturnType<typeof rig>) => one.open.shift()!.done(undefined), (one: ReturnType<typeof rig>) => one.open.shift()!.failed(new Error('gone'))]) {
      const one = rig();
      for (const name of ['a', 'b', 'c', 'd']) one.preload.add(group(name, 9 * MiB));
      await settled();
      await one.answer();
      refuse(one);
      await settled();
      // What was on its way lies on what failed.
      refuse(one);
      await one.preload.clear();
      expect(one.names()).toEqual(['base a', 'base a b', 'base a b c']);
      expect(one.removed).toEqual(['sha256:image 1']);
    }
  });
});
