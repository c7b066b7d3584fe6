import { expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { tarOf, type PackItem } from '../../../src/archive/pack-tar.js';
import { connectEngine } from '../../../src/engine/connect.js';

const engine = connectEngine();

test('the classic builder survives the removal of an image that its cache gave it', async () => {
  const own = randomUUID();
  const build = (dockerfile: string, onLine?: (line: string) => void) => engine.build({
    // Copying the second file takes a while; meanwhile the image with the first one goes.
    context: () => tarOf([file('Dockerfile', dockerfile), file('own', own), file('big', Buffer.alloc(100_000_000))]), dockerfile: 'Dockerfile', tags: [], backend: 'classic',
    ...(onLine === undefined ? {} : { onLine }),
  });
  const other = await build('FROM scratch\nCOPY own /\nLABEL other=yes\n');
  const lines: string[] = [];
  let removal: Promise<unknown> = Promise.resolve();
  const id = await build('FROM scratch\nCOPY own /\nCOPY big /\n', (line) => {
    lines.push(line);
    if (line.startsWith('Step 3/3') && lines.filter((one) => one.startsWith('Step 3/3')).length === 1) removal = engine.removeImage(other);
  });
  await removal;
  try {
    expect(lines).toContain(' ---> Using cache');
    // Other tests may remove images of theirs in the same moments.
    expect(lines.filter((line) => line.includes('building again')).length).toBeGreaterThanOrEqual(1);
    expect((await engine.image(id))!.layers).toHaveLength(2);
  } finally {
    await engine.removeImage(id);
  }
});

function file(path: string, data: string | Buffer): PackItem {
  const content = Buffer.from(data);
  return { entry: { type: 'file', path, mode: 0o644, uid: 0, gid: 0, mtime: 0, size: content.length }, content };
}
