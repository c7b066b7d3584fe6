import { Failed } from '../core/failure.js';
import type { Place } from '../core/place.js';
import type { Builder } from '../builders/builder.js';

export interface PackGitOptions {
  readonly subject: string;
  readonly place: Place;
  readonly builder: Builder;
  /** Whether its prepare scripts may run. */
  readonly scripts: boolean;
  /** Values of the variables that the artifact names. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/**
 * The tarball of a git dependency, made by the builder's own npm with `npm pack <url>#<commit>`: the very code that
 * `npm ci` runs for it (clone, check out, install its dependencies and run its prepare scripts if it has any, pack).
 */
export async function packGit(spec: string, options: PackGitOptions): Promise<Buffer> {
  const { builder, subject } = options;
  const folder = await builder.scratch('git');
  try {
    const argv = ['npm', 'pack', '--no-audit', '--no-fund', '--no-update-notifier', ...(options.scripts ? [] : ['--ignore-scripts']), '--pack-destination', folder, '--', spec];
    const result = await builder.run({ subject, argv, cwd: folder, env: options.env, signal: options.signal });
    if (result.exitCode !== 0) {
      throw new Failed({
        reason: 'git',
        message: `${subject} could not be fetched from its git repository`,
        place: options.place,
        detail: [`$ ${argv.slice(0, 2).join(' ')} ${withoutCredentials(spec)}`, ...result.tail],
        advice: `See ${result.log}; the builder needs git, a way to the repository, and credentials if it is private`,
      });
    }
    return await onlyTarball(builder, folder, subject);
  } finally {
    await builder.discard(folder);
  }
}

async function onlyTarball(builder: Builder, folder: string, subject: string): Promise<Buffer> {
  const { readTar } = await import('../archive/read-tar.js');
  for await (const { entry, content } of readTar(await builder.take(folder), { subject, strip: 1, links: 'drop' })) {
    if (entry.type !== 'file' || !entry.path.endsWith('.tgz')) continue;
    const chunks: Buffer[] = [];
    for await (const chunk of content) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }
  throw new Failed({ reason: 'git', message: `npm packed nothing for ${subject}` });
}

function withoutCredentials(spec: string): string {
  return spec.replace(/\/\/[^@/]*@/, '//');
}
