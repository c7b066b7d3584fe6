import { expect } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import type { CliProcess } from './cli.js';

/** Kills a run after a while; false if it had ended before. Until then it has complained of nothing. */
export async function killedAt(running: CliProcess, milliseconds: number): Promise<boolean> {
  await Promise.race([running.result, pause(milliseconds)]);
  running.kill('SIGKILL');
  const { signal, status, stderr } = await running.result;
  expect(stderr).not.toMatch(/error|warning|corrupt/);
  expect(signal === undefined ? status : 0).toBe(0);
  return signal !== undefined;
}
