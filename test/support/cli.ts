import { execFile, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface CliOptions {
  /** Where it is called; the folder of the project file, or one below it. */
  readonly cwd: string;
  /** Added to the clean environment (PATH, a HOME that is not there, LANG). */
  readonly env?: Readonly<Record<string, string>>;
  /** What stands on its input; `open`: nothing, but it does not end either. */
  readonly input?: string | Buffer | 'open';
  /** Needs root. `groups`: supplementary ones, such as the engine socket's; none by default. */
  readonly user?: { readonly uid: number; readonly gid: number; readonly groups?: readonly number[] };
  /** In a network namespace without even a loopback; sockets in the file system work. Needs root. */
  readonly withoutNetwork?: boolean;
  /** Milliseconds until it is killed and the test fails: a hang is always a bug. Default 120 s. */
  readonly timeout?: number;
}

export interface CliResult {
  /** Undefined where a signal ended it. */
  readonly status: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  readonly stdout: string;
  /** Exactly what came. */
  readonly bytes: Buffer;
  readonly stderr: string;
  /** What stdout holds as one JSON object; throws where it holds anything else. */
  json<T = Record<string, unknown>>(): T;
}

/** A CLI that is running. */
export interface CliProcess {
  /** Of the command itself, so signals reach it and nobody else. */
  readonly pid: number;
  readonly result: Promise<CliResult>;
  kill(signal: NodeJS.Signals): void;
  /** As Ctrl-C does: to the command and everything that it started. */
  killGroup(signal: NodeJS.Signals): void;
  /** Nobody reads its stdout any more. */
  closeStdout(): void;
  /** Resolves when stdout or stderr has shown `text`; rejects when the command has ended without it. */
  shows(text: string): Promise<void>;
}

/** Runs the real command and waits for its end. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<CliResult> {
  return (await startCli(args, options)).result;
}

export async function startCli(args: readonly string[], options: CliOptions): Promise<CliProcess> {
  const cli = await buildCli();
  // Each of these replaces itself with the next, so that the process that we know is the command.
  const command = [...(options.withoutNetwork === true ? ['unshare', '--net'] : []), ...asUser(options.user), process.execPath, cli, ...args];
  const child = spawn(command[0] as string, command.slice(1), {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', LANG: 'C.UTF-8', ...options.env },
    stdio: 'pipe',
    // A process group of its own.
    detached: true,
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const watchers = new Set<() => void>();
  for (const [stream, chunks] of [[child.stdout, out], [child.stderr, err]] as const) {
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      for (const watcher of watchers) watcher();
    });
  }
  child.stdin.on('error', () => undefined);
  if (options.input !== 'open') child.stdin.end(options.input);
  const text = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString();
  const timeout = options.timeout ?? 120_000;
  const result = new Promise<CliResult>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`artifacts ${args.join(' ')} hangs: no end after ${timeout / 1000} s\n${text(out)}${text(err)}`));
    }, timeout);
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      const bytes = Buffer.concat(out);
      const stdout = bytes.toString();
      resolve({ status: status ?? undefined, signal: signal ?? undefined, stdout, bytes, stderr: text(err), json: () => parseOnly(stdout) });
    });
  });
  return {
    pid: child.pid as number,
    result,
    kill: (signal) => void child.kill(signal),
    killGroup: (signal) => void process.kill(-(child.pid as number), signal),
    closeStdout: () => void child.stdout.destroy(),
    shows: (wanted) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (text(err).includes(wanted) || text(out).includes(wanted)) (watchers.delete(look), resolve());
        };
        watchers.add(look);
        look();
        void result.then((ended) => reject(new Error(`ended (${ended.status}) without showing "${wanted}":\n${ended.stderr}`)), reject);
      }),
  };
}

function asUser(user: CliOptions['user']): string[] {
  if (user === undefined) return [];
  const groups = user.groups === undefined || user.groups.length === 0 ? ['--clear-groups'] : ['--groups', user.groups.join(',')];
  return ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, ...groups];
}

function parseOnly<T>(stdout: string): T {
  const value: unknown = JSON.parse(stdout);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`not an object: ${stdout}`);
  return value as T;
}

let built: Promise<string> | undefined;

/** The bundled command, built once for this state of the sources; the path of its main file. */
export function buildCli(): Promise<string> {
  return (built ??= build());
}

async function build(): Promise<string> {
  const folder = join(ROOT, '.cache', `cli-${await sourcesHash()}`);
  const main = join(folder, 'artifacts.js');
  if (await exists(main)) return main;
  await removeOld();
  // Complete before it has its name: other test processes may be building the same.
  const temporary = `${folder}.${randomUUID()}`;
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.mjs'), temporary], { cwd: ROOT });
  await rename(temporary, folder).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    await rm(temporary, { recursive: true });
  });
  return main;
}

/** Those of earlier states of the sources; none that a test of this hour may still run. */
async function removeOld(): Promise<void> {
  const cache = join(ROOT, '.cache');
  const names = (await readdir(cache).catch(() => [])).filter((name) => name.startsWith('cli-'));
  for (const name of names) {
    const info = await stat(join(cache, name)).catch(() => undefined);
    if (info !== undefined && Date.now() - info.mtimeMs > 3_600_000) await rm(join(cache, name), { recursive: true, force: true });
  }
}

async function sourcesHash(): Promise<string> {
  const hash = createHash('sha256');
  const files = (await readdir(join(ROOT, 'src'), { recursive: true })).filter((name) => /\.(ts|py|mjs|js|sh)$/.test(name));
  for (const file of [...files.map((name) => join('src', name)), 'scripts/build.mjs', 'package-lock.json'].sort()) {
    const info = await stat(join(ROOT, file)).catch(() => undefined);
    if (info !== undefined) hash.update(`${file}\0${info.mtimeMs}\0${info.size}\n`);
  }
  return hash.digest('hex').slice(0, 16);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}
