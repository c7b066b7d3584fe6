import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Failed } from '../../../src/core/failure.js';
import { listZip, readZip, readZipFile, readZipFiles } from '../../../src/archive/zip.js';

const subject = 'flask-3.1.0-py3-none-any.whl';
let dir: string;

// Python's zipfile makes the archives: the good one, and one for each trick.
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'wheelwright-zip-'));
  execFileSync('python3', ['-I', '-W', 'ignore', '-c', `
import zipfile, stat
def info(name, mode=None):
    i = zipfile.ZipInfo(name, (2020, 2, 3, 4, 5, 6))
    i.create_system = 3
    i.external_attr = mode << 16 if mode else 0x20
    return i
with zipfile.ZipFile('good.zip', 'w', zipfile.ZIP_DEFLATED) as z:
    z.writestr(info('pkg/', stat.S_IFDIR | 0o755), '')
    z.writestr(info('pkg/__init__.py', stat.S_IFREG | 0o644), 'x = 1\\n' * 1000, zipfile.ZIP_DEFLATED)
    z.writestr(info('pkg/tool', stat.S_IFREG | 0o755), 'run', zipfile.ZIP_STORED)
    z.writestr(info('pkg/ünï.txt'), 'u')
    z.writestr(info('pkg/link', stat.S_IFLNK | 0o777), 'tool')
    z.writestr(info('pkg-1.0.dist-info/METADATA', stat.S_IFREG | 0o644), 'Name: pkg\\n')
for n, names in enumerate([['/etc/passwd'], ['../x'], ['a/../../x'], ['a\\\\..\\\\x'], ['C:/x'], ['f', 'f'], ['f', 'f/x'], ['d/x', 'd'], ['a/./f', 'a/f']]):
    with zipfile.ZipFile(f'bad-{n}.zip', 'w') as z:
        for name in names: z.writestr(info(name), 'x')
with zipfile.ZipFile('bomb.zip', 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('zeros', bytes(30_000_000))
with zipfile.ZipFile('many.zip', 'w') as z:
    for n in range(20): z.writestr(str(n), '')
`], { cwd: dir });
});
afterAll(() => rmSync(dir, { recursive: true }));

async function refusal(work: Promise<unknown>): Promise<Failed> {
  const error: unknown = await work.then(() => new Error('it was taken'), (reason: unknown) => reason);
  if (!(error instanceof Failed)) throw error;
  expect(error.problems[0]?.reason).toBe('archive');
  expect(error.message).toContain(subject);
  return error;
}

async function readAll(source: string | Buffer): Promise<void> {
  for await (const { entry, content } of readZip(source, { subject })) if (entry.type === 'file') await buffer(await content());
}

describe.each(['path', 'bytes'])('from its %s', (kind) => {
  const good = (): string | Buffer => (kind === 'path' ? join(dir, 'good.zip') : readFileSync(join(dir, 'good.zip')));

  test('entries', async () => {
    const mtime = Date.UTC(2020, 1, 3, 4, 5, 6) / 1000;
    const common = { uid: 0, gid: 0, mtime };
    expect(await listZip(good(), { subject })).toEqual([
      { type: 'directory', path: 'pkg', mode: 0o755, ...common },
      { type: 'file', path: 'pkg/__init__.py', mode: 0o644, size: 6000, ...common },
      { type: 'file', path: 'pkg/tool', mode: 0o755, size: 3, ...common },
      { type: 'file', path: 'pkg/ünï.txt', mode: 0o644, size: 1, ...common },
      { type: 'file', path: 'pkg/link', mode: 0o777, size: 4, ...common },
      { type: 'file', path: 'pkg-1.0.dist-info/METADATA', mode: 0o644, size: 10, ...common },
    ]);
  });

  test('contents', async () => {
    expect((await readZipFile(good(), 'pkg-1.0.dist-info/METADATA', { subject, limit: 1000 }))?.toString()).toBe('Name: pkg\n');
    expect(await readZipFile(good(), 'absent', { subject, limit: 1000 })).toBeUndefined();
    const found = await readZipFiles(good(), (path) => path.startsWith('pkg/'), { subject, limit: 6000 });
    expect([...found].map(([path, bytes]) => [path, bytes.length])).toEqual([['pkg/__init__.py', 6000], ['pkg/tool', 3], ['pkg/ünï.txt', 1], ['pkg/link', 4]]);
  });
});

test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])('trick %i is refused', async (n) => {
  await refusal(listZip(join(dir, `bad-${n}.zip`), { subject }));
});

test('what is too big is refused', async () => {
  expect((await refusal(readZipFile(join(dir, 'bomb.zip'), 'zeros', { subject, limit: 1000 }))).message).toContain('zeros');
  await refusal(listZip(join(dir, 'bomb.zip'), { subject, limits: { bytes: 1_000_000 } }));
  await refusal(listZip(join(dir, 'many.zip'), { subject, limits: { entries: 10 } }));
});

test('what is no ZIP is refused; a file that is not there is an ordinary error', async () => {
  writeFileSync(join(dir, 'html.zip'), '<html>not found</html>');
  await refusal(listZip(join(dir, 'html.zip'), { subject }));
  await refusal(listZip(Buffer.alloc(0), { subject }));
  await expect(listZip(join(dir, 'absent.zip'), { subject })).rejects.toMatchObject({ code: 'ENOENT' });
});

test('wrong bytes are found by their checksum', async () => {
  const bytes = readFileSync(join(dir, 'good.zip'));
  const at = bytes.indexOf('run');
  bytes.write('ruN', at);
  expect((await refusal(readAll(bytes))).message).toContain('checksum');
});

test('cuts and random damage are refused or harmless, never a bug', async () => {
  const whole = readFileSync(join(dir, 'good.zip'));
  for (let cut = 0; cut < whole.length; cut += 13) await refusal(readAll(whole.subarray(0, cut)));
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }), async (changes) => {
    const bytes = Buffer.from(whole);
    for (const [at, value] of changes) bytes[at] = value;
    try {
      await readAll(bytes);
    } catch (error) {
      if (!(error instanceof Failed) || !error.has('archive')) throw error;
    }
  }), { numRuns: 300, seed: 3 });
});
