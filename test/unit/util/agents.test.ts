import { expect, test } from '@jest/globals';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { agentFiles } from '../../../src/util/agents.js';
import { inTemporaryFolder } from '../../support/temporary.js';

test('from source, every module’s agents', async () => {
  expect((await agentFiles()).map(({ name }) => name)).toEqual(expect.arrayContaining(['facts.py', 'facts.sh', 'run.sh']));
});

test.each(['dist', 'dist/chunks'])('from a bundle in %s', async (place) => {
  await inTemporaryFolder(async (dir) => {
    await mkdir(join(dir, 'dist', 'agent'), { recursive: true });
    await writeFile(join(dir, 'dist', 'agent', 'run.sh'), 'x');
    expect(await agentFiles(join(dir, place))).toEqual([{ name: 'run.sh', content: Buffer.from('x') }]);
    await expect(agentFiles(join(dir, 'no', 'such', 'place'))).rejects.toThrow(/no agents/);
  });
});
