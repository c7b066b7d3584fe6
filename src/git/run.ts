import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fail } from '../core/failure.js';

/** The caller's environment; only what git needs to find itself and the user's ignore rules is taken from it. */
export type Environment = { readonly [name: string]: string | undefined };

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env: Environment;
  readonly input?: string;
}

/** PATH finds git; HOME and XDG_CONFIG_HOME the user's ignore rules and safe.directory; SUDO_UID lets git accept the folder of who called sudo. */
const TAKEN = ['PATH', 'HOME', 'XDG_CONFIG_HOME', 'SUDO_UID'];

/**
 * Settings of a repository that would run programs or change the output, switched off; and no transport, since nothing here
 * may use the network (a partial clone would fetch what it lacks).
 */
const SETTINGS = ['core.quotePath=off', 'core.fsmonitor=false', 'core.hooksPath=/dev/null', 'protocol.allow=never', 'diff.ignoreSubmodules=none', 'diff.relative=false'];
const PREFIX = ['--no-pager', '--no-optional-locks', '--literal-pathspecs', ...SETTINGS.flatMap((setting) => ['-c', setting])];
const MOST_OUTPUT = 512 * 1024 * 1024;

/** Runs git with a clean environment; undefined if this machine has no git. Any exit status is a result. */
export function run(args: readonly string[], options: RunOptions): Promise<Ran | undefined> {
  return start('git', [...PREFIX, ...args], options);
}

/**
 * Several commands one after the other, started as one program: each start takes this process milliseconds, the longer the more
 * memory it has. What they print, in their order; undefined for each that did not succeed, whose words are lost.
 */
export async function outputs(commands: readonly (readonly string[])[], options: RunOptions): Promise<readonly (string | undefined)[]> {
  const mark = `\n${randomUUID()} `;
  const script = [`g() { git ${PREFIX.map(quoted).join(' ')} "$@"; printf '%s%s\n' ${quoted(mark)} $?; }`, ...commands.map((args) => `g ${args.map(quoted).join(' ')}`)].join('\n');
  const printed = (await start('/bin/sh', ['-c', script], options))?.stdout.split(mark) ?? [];
  // Before each output but the first stands the status of the one before it.
  const endOfLine = (text: string): number => text.indexOf('\n') + 1;
  return commands.map((_, index) => {
    const [own, next] = [printed[index], printed[index + 1]];
    if (own === undefined || next?.slice(0, endOfLine(next)) !== '0\n') return undefined;
    return index === 0 ? own : own.slice(endOfLine(own));
  });
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

async function start(program: string, args: readonly string[], { cwd, env, input }: RunOptions): Promise<Ran | undefined> {
  const clean: NodeJS.ProcessEnv = { LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_NO_LAZY_FETCH: '1' };
  for (const name of TAKEN) if (env[name] !== undefined) clean[name] = env[name];
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { cwd, env: clean, maxBuffer: MOST_OUTPUT, encoding: 'utf8' }, (error, stdout, stderr) => {
      const code = error?.code as string | number | null | undefined;
      if (code === 'ENOENT') resolve(undefined);
      else if (error && typeof code !== 'number') reject(error);
      else resolve({ status: typeof code === 'number' ? code : 0, stdout, stderr });
    });
    // git may end before it has read everything; its status and stderr say why.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
}

/** Output of a git command that has to succeed; throws Failed (reason `git`) with git's own words otherwise. */
export async function output(args: readonly string[], options: RunOptions): Promise<string> {
  const ran = await run(args, options);
  if (!ran) fail({ reason: 'git', message: 'git has gone from this machine', advice: 'Install git' });
  if (ran.status !== 0) failed(args, ran);
  return ran.stdout;
}

/** Throws Failed for a git command that ended with an error. */
export function failed(args: readonly string[], ran: Ran): never {
  const folder = /(?:detected dubious ownership in|unsafe) repository(?: at)? \(?'([^']*)'/.exec(ran.stderr)?.[1];
  if (folder !== undefined) {
    fail({
      reason: 'git',
      message: `git refuses the repository ${folder}, because another user owns it`,
      advice: `Run as its owner, or allow it with: git config --global --add safe.directory '${folder}'`,
    });
  }
  const detail = ran.stderr.trim().split('\n').slice(0, 10);
  fail({ reason: 'git', message: `git ${args[0]} failed with status ${ran.status}`, detail });
}
