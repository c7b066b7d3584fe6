import { readFile } from 'node:fs/promises';
import type { Variables } from './variables.js';

/** `NAME=value` lines of an `.env` file; quotes are taken off. Nothing if there is no such file. */
export async function readEnvFile(path: string): Promise<Variables> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return Object.fromEntries(
    text.split(/\r?\n/).flatMap((line) => {
      const match = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(?:"([^"]*)"|'([^']*)'|(.*?))\s*$/.exec(line);
      return match === null ? [] : [[match[1] as string, match[2] ?? match[3] ?? match[4] ?? ''] as const];
    }),
  );
}
