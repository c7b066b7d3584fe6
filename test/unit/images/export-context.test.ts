import { expect, test } from '@jest/globals';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artifact } from '../../../src/artifact/artifact.js';
import { readContext } from '../../../src/docker/context.js';
import { Patterns } from '../../../src/docker/pattern.js';
import { openStatCache } from '../../../src/docker/stat-cache.js';
import { checked } from '../../../src/images/context-items.js';
import { exportContext } from '../../../src/images/export-context.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { temporaryFolder } from '../../support/images/project.js';

const python: Artifact = { format: 1, kind: 'python', prefix: '/opt/venv', parts: [] };

test('a link of the context does not lead an artifact out of the folder', async () => {
  const [context, elsewhere, out] = [await temporaryFolder(), await temporaryFolder(), await temporaryFolder()];
  await symlink(elsewhere, join(context, 'artifacts'));
  const entries = await readContext({ root: context, ignore: new Patterns([]), statCache: openStatCache() });
  const inputs = { folder: context, entries, dockerfile: 'FROM scratch\n', ownPath: undefined, artifacts: new Map([['python', python]]), store: new MemoryStore() };
  await expect(exportContext(inputs, join(out, 'x'))).rejects.toThrow(/artifacts\/python\.tar would lie behind a link/);
  expect(await readdir(elsewhere)).toEqual([]);
});

test('a link that took the place of a file is not followed, even to the same content', async () => {
  const [context, elsewhere] = [await temporaryFolder(), await temporaryFolder()];
  for (const size of [3, 2_000_000]) {
    const folder = join(context, String(size));
    await mkdir(folder);
    await writeFile(join(elsewhere, 'file'), 'x'.repeat(size));
    await writeFile(join(folder, 'file'), 'x'.repeat(size));
    const [entry] = await readContext({ root: folder, ignore: new Patterns([]), statCache: openStatCache() });
    await symlink(join(elsewhere, 'file'), join(folder, 'link'));
    await expect((async () => { for await (const _ of checked(join(folder, "link"), entry as never)); })()).rejects.toThrow(/changed while/);
  }
});
