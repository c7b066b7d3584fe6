import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The engine's own client, as the oracle. */
export async function docker(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { stdout } = await run('/usr/bin/docker', args, { env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...env }, maxBuffer: 1 << 28 });
  return stdout;
}

/** What an image holds: `mode type path [→ target]` of every entry, sorted; without what the engine adds to a container. */
export async function contentOf(image: string): Promise<string[]> {
  const container = (await docker(['create', image, '/none'])).trim();
  try {
    const { stdout } = await run('/bin/sh', ['-c', `/usr/bin/docker export ${container} | tar -tv --numeric-owner --full-time`], { maxBuffer: 1 << 28 });
    return stdout.split('\n').flatMap((line) => describe(line) ?? []).sort();
  } finally {
    await docker(['rm', container]);
  }
}

/** Added to every container: mount points and the engine's own files. */
const ADDED = /^(\.dockerenv|dev\/|proc\/|sys\/|etc\/(hostname|hosts|mtab.*|resolv\.conf)?$)/;

function describe(line: string): string | undefined {
  const match = /^(\S+) (\S+)\s+(\S+) (\S+ \S+) (.+)$/.exec(line);
  if (match === null) return undefined;
  const [, mode, owner, size, , path] = match;
  return ADDED.test(path!) ? undefined : `${mode} ${owner} ${size} ${path}`;
}

/** Children before parents, whatever the order given. */
export async function removeImages(references: readonly string[]): Promise<void> {
  let left = [...references];
  for (let before = Infinity; left.length > 0 && left.length < before; ) {
    before = left.length;
    const removed = await Promise.all(left.map((reference) => docker(['rmi', '-f', reference]).then(() => true, () => false)));
    left = left.filter((_, index) => !removed[index]);
  }
}
