import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';

/** The builder image whose Python answers. */
export const BUILDER = process.env['WHEELWRIGHT_TEST_BUILDER'] ?? 'wheelwright-test/builder';

export interface Answers {
  readonly environment: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly [kind: string]: unknown;
}

/** Asks pip and packaging in the builder image, all cases in one process. */
export async function askPython(cases: Readonly<Record<string, readonly unknown[]>>, env: Readonly<Record<string, string>> = {}): Promise<Answers> {
  const script = await readFile(new URL('./oracle.py', import.meta.url), 'utf8');
  const variables = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  const output = await run(['run', '--rm', '--interactive', '--network', 'none', ...variables, BUILDER, 'python3', '-W', 'ignore', '-c', script], JSON.stringify(cases));
  return JSON.parse(output) as Answers;
}

/** Runs the docker client to its end and gives its standard output. */
export function run(argv: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('docker', argv, { stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(Buffer.concat(out).toString()) : reject(new Error(Buffer.concat(err).toString()))));
    child.stdin.end(input);
  });
}
