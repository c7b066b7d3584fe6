import { PassThrough, Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { batched } from '../../../src/net/batches.js';

async function all(source: AsyncIterable<Buffer>): Promise<string[]> {
  const found: string[] = [];
  for await (const chunk of source) found.push(chunk.toString());
  return found;
}

test('what comes in one turn of the event loop is one chunk, and nothing waits for more', async () => {
  const stream = new PassThrough();
  const chunks = batched(stream);
  const first = chunks.next();
  for (const text of ['a', 'b', 'c']) stream.write(text);
  expect((await first).value.toString()).toBe('abc');
  const second = chunks.next();
  stream.write('d');
  expect((await second).value.toString()).toBe('d');
  const last = chunks.next();
  stream.end();
  expect((await last).done).toBe(true);
});

test('a reader who is slow holds the other side back', async () => {
  let given = 0;
  const stream = new Readable({ highWaterMark: 1024, read() { this.push(Buffer.alloc(16 * 1024, 'x')); given += 16 * 1024; } });
  const chunks = batched(stream);
  await chunks.next();
  for (let waits = 0; waits < 50; waits += 1) await turn();
  expect(given).toBeLessThan(1024 * 1024);
  const { value } = await chunks.next();
  expect(value.length).toBeGreaterThan(128 * 1024);
  stream.destroy();
});

test('what came before a failure is given, then the failure', async () => {
  const stream = new PassThrough();
  const found: string[] = [];
  const reading = (async () => {
    for await (const chunk of batched(stream)) found.push(chunk.toString());
  })();
  stream.write('half');
  await turn();
  stream.destroy(new Error('reset'));
  await expect(reading).rejects.toThrow('reset');
  expect(found).toEqual(['half']);
});

test('a stream that is closed before its end is no end', async () => {
  const stream = new PassThrough();
  const reading = all(batched(stream));
  stream.destroy();
  await expect(reading).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
});

test('nothing at all', async () => {
  expect(await all(batched(Readable.from([], { objectMode: false })))).toEqual([]);
});
