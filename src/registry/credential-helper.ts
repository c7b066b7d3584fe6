import { spawn } from 'node:child_process';
import { Failed } from '../core/failure.js';
import type { Credentials } from './credentials.js';

export interface HelperOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds; a helper may ask a key ring, and that a person. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
}

const MAX_OUTPUT = 1024 * 1024;

/**
 * Asks `docker-credential-<name>` by the protocol of Docker's credential helpers: the server's address on stdin, JSON on
 * stdout. Undefined if it has none for that address. Of what it prints only its complaints are ever shown.
 */
export async function askHelper(name: string, address: string, options: HelperOptions): Promise<Credentials | undefined> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw helperFailed(name, 'is not the name of a credential helper');
  const { status, stdout, stderr } = await run(`docker-credential-${name}`, address, options);
  if (status !== 0) {
    if (/credentials not found/i.test(stdout)) return undefined;
    throw helperFailed(name, `fails for ${address} with status ${status}`, lastLine(stderr));
  }
  return parseAnswer(name, stdout);
}

function parseAnswer(name: string, stdout: string): Credentials {
  let answer: { Username?: unknown; Secret?: unknown } | null;
  try {
    answer = JSON.parse(stdout) as typeof answer;
  } catch {
    throw helperFailed(name, 'answers with something that is not JSON');
  }
  const { Username: username, Secret: secret } = answer ?? {};
  if (typeof username !== 'string' || typeof secret !== 'string') throw helperFailed(name, 'answers without a user name and a secret');
  return username === '<token>' ? { kind: 'identity-token', token: secret } : { kind: 'password', username, password: secret };
}

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, input: string, { env, timeout, signal }: HelperOptions): Promise<Ended> {
  const name = program.replace('docker-credential-', '');
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['get'], { env: { ...env }, stdio: 'pipe', ...(signal === undefined ? {} : { signal }) });
    const output = { stdout: '', stderr: '' };
    // Not by spawn's own `timeout`: what it was must be told apart from other ends.
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      // What it started may live on and hold the pipes.
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      reject(helperFailed(name, `does not answer within ${timeout / 1000} s`));
    }, timeout);
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        if (output[stream].length < MAX_OUTPUT) output[stream] += text;
      });
    }
    child.stdin.on('error', () => undefined);
    child.stdin.end(`${input}\n`);
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      if (signal?.aborted === true) reject(new Failed({ reason: 'interrupted', message: `interrupted while asking ${program}` }, { cause: error }));
      else reject(helperFailed(name, error.code === 'ENOENT' ? 'is not installed' : `can't be started (${error.code ?? error.message})`));
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status: status ?? 1, ...output });
    });
  });
}

function helperFailed(name: string, what: string, detail?: string): Failed {
  return new Failed({
    reason: 'registry',
    message: `the credential helper docker-credential-${name} ${what}`,
    advice: 'Check credsStore and credHelpers in the Docker configuration, or give credentials in the environment',
    ...(detail === undefined ? {} : { detail: [detail] }),
  });
}

function lastLine(text: string): string | undefined {
  return text.trim().split('\n').at(-1)?.slice(0, 300) || undefined;
}
