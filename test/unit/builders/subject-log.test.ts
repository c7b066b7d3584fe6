import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { maskOf } from '../../../src/util/mask.js';
import { SubjectLog } from '../../../src/builders/subject-log.js';
import { inTemporaryFolder } from '../../support/temporary.js';

async function logged(chunks: readonly Buffer[], secrets: readonly string[] = []) {
  return await inTemporaryFolder(async (dir) => {
    const lines: string[] = [];
    const log = await SubjectLog.open(dir, 'x', { mask: maskOf(secrets), onLine: (line) => lines.push(line) });
    for (const chunk of chunks) log.write('stdout', chunk);
    await log.close();
    return { lines, tail: log.tail, text: await readFile(log.path, 'utf8') };
  });
}

test('lines are cut wherever the chunks are cut', async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.constantFrom('a', 'é', '\n', '\r\n', ' ', '€')), fc.integer({ min: 1, max: 5 }), async (parts, size) => {
    const text = parts.join('');
    const bytes = Buffer.from(text);
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    const expected = text.split(/\r\n|\n/);
    if (expected.at(-1) === '') expected.pop();
    expect((await logged(chunks)).lines).toEqual(expected);
  }), { numRuns: 50 });
});

test('a secret that is cut by chunks is masked', async () => {
  const { lines, text } = await logged([Buffer.from('token hun'), Buffer.from('ter2hunter2 end')], ['hunter2hunter2']);
  expect(lines).toEqual(['token *** end']);
  expect(text).toBe('token *** end\n');
});

test('the tail is the last 40 lines', async () => {
  const { tail } = await logged([Buffer.from(Array.from({ length: 100 }, (_, index) => `${index}\n`).join(''))]);
  expect([tail.length, tail[0], tail.at(-1)]).toEqual([40, '60', '99']);
});

test('a subject can be no path, and different subjects have different files', async () => {
  await inTemporaryFolder(async (dir) => {
    const names: string[] = [];
    for (const subject of ['flask-3.0', '../../etc/passwd', '.. etc passwd', '@scope/name 1.0', '@scope-name 1.0', '']) {
      const log = await SubjectLog.open(dir, subject, { mask: (line) => line, onLine: () => undefined });
      log.note('x');
      await log.close();
      names.push(basename(log.path));
      expect(log.path).toBe(`${dir}/${names.at(-1)}`);
    }
    expect(new Set(names).size).toBe(names.length);
    expect(names[0]).toBe('flask-3.0.log');
  });
});
