import { expect, test } from '@jest/globals';
import { runCli } from '../support/cli.js';
import { inTemporaryFolder } from '../support/temporary.js';

test('help', () =>
  inTemporaryFolder(async (dir) => {
    const result = await runCli(['--help'], { cwd: dir });
    expect(result.status).toBe(0);
  }));
