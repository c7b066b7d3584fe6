import { afterAll, afterEach } from '@jest/globals';
import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let bundle: Promise<string> | undefined;
let folder: string | undefined;
const running = new Set<ChildProcess>();

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});
afterAll(async () => {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

/** The worker program as one file that node runs. */
export function workerFile(): Promise<string> {
  return (bundle ??= (async () => {
    folder = mkdtempSync(join(tmpdir(), 'wheelwright-worker-'));
    chmodSync(folder, 0o755);
    const outfile = join(folder, 'worker.mjs');
    const entry = new URL('worker.ts', `file://${process.cwd()}/test/races/store/`).pathname;
    await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'silent' });
    return outfile;
  })());
}

export interface Worker {
  readonly child: ChildProcess;
  /** Resolves at its first line of output, "ready". */
  readonly ready: Promise<void>;
  /** Exit status, or the signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
  stderr(): string;
  lines(): readonly string[];
}

/** Starts one worker process; `wrap` is a command put before node (unshare, bash). */
export async function startWorker(args: readonly string[], options: SpawnOptions & { wrap?: readonly string[] } = {}): Promise<Worker> {
  const [command, ...rest] = [...(options.wrap ?? []), process.execPath, await workerFile(), ...args] as [string, ...string[]];
  const child = spawn(command, rest, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let stderr = '';
  let stdout = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  const ended = once(child, 'close').then(([code, signal]) => {
    running.delete(child);
    return (signal ?? code) as number | NodeJS.Signals;
  });
  const ready = Promise.race([once(child.stdout as NodeJS.ReadableStream as never, 'data'), ended]).then(() => undefined);
  return { child, ready, ended, stderr: () => stderr, lines: () => stdout.split('\n').filter((line) => line !== '') };
}
