import { expect, test } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCli } from '../support/cli.js';
import { temporaryFolder } from '../support/images/project.js';

test('a bug is told with places of our sources, to whoever reads and to whatever parses', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'project.yml'), 'name: shop\n');
  await writeFile(join(folder, 'broken.cjs'), 'process.umask = () => { throw new TypeError("no umask"); };');
  const env = { NODE_OPTIONS: `--require=${join(folder, 'broken.cjs')}` };
  const { status, stderr } = await runCli(['status'], { cwd: folder, env });
  expect(status).toBe(2);
  expect(stderr).toContain('this is a bug in artifacts');
  expect(stderr).toContain('TypeError: no umask');
  const [, file, line] = /at (src\/cli\/\S+?):(\d+):\d+/.exec(stderr)!;
  expect((await readFile(file!, 'utf8')).split('\n')[Number(line) - 1]).toContain('process.umask(');
  const { stdout } = await runCli(['status', '--json'], { cwd: folder, env });
  expect(JSON.parse(stdout)).toMatchObject({ problems: [{ reason: 'bug', detail: expect.arrayContaining([expect.stringContaining(`${file}:${line}:`)]) }] });
});
