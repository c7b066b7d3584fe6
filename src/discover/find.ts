import { readdir, realpath } from 'node:fs/promises';
import { basename, join, posix, relative } from 'node:path';
import type { ImageSpec, Project } from '../config/project.js';
import { Failed, type Problem } from '../core/failure.js';
import { compare } from '../core/record.js';
import { openRepository, type Repository } from '../git/repository.js';
import { imageSuffix, isDependencyFolder } from './dockerfile-names.js';
import { legalComponent, repositoryName } from './image-names.js';
import { parseReference } from '../docker/reference.js';
import { NO_FILE } from './is-discovered.js';
import { SHIPWRIGHT_FILE, readShipwrightFile, type ShipwrightFile } from './shipwright-file.js';

export interface DiscoverOptions {
  readonly cwd: string;
  /** `--namespace` or ARTIFACTS_NAMESPACE. */
  readonly namespace?: string;
  /** For git. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The project that a checkout's Dockerfiles make; undefined if there are none. */
export async function discoverProject(options: DiscoverOptions): Promise<Project | undefined> {
  const repository = await openRepository(options.cwd, options.env);
  const root = repository?.root ?? (await realpath(options.cwd));
  const files = repository === undefined ? await walk(root) : await repository.files();
  const dockerfiles = files.filter((path) => imageSuffix(path) !== undefined).sort(compare);
  if (dockerfiles.length === 0) return undefined;
  await checkInside(root, [...dockerfiles, SHIPWRIGHT_FILE]);
  const shipwright = await readShipwrightFile(root);
  const own = await ownName(repository, root);
  const namespace = (options.namespace ?? shipwright?.namespace ?? own).replace(/\/+$/, '');
  return {
    name: own,
    root,
    file: NO_FILE,
    store: join(root, '.artifacts'),
    network: { noProxy: [] },
    builders: { network: 'bridge', env: [] },
    artifacts: new Map(),
    images: imagesOf(dockerfiles, { namespace, own, shipwright }),
    dev: new Map(),
  };
}

/** A link out of the checkout would show what is there: complaints about a file repeat its words. */
async function checkInside(root: string, files: readonly string[]): Promise<void> {
  const real = await realpath(root);
  const problems: Problem[] = [];
  for (const path of files) {
    const way = relative(real, await realpath(join(root, path)).catch(() => real));
    if (way !== '..' && !way.startsWith('../')) continue;
    problems.push({ reason: 'config', message: `${path} is, through a symbolic link, outside the checkout: ${way}`, place: { file: path, line: 1, column: 1 }, advice: 'put the file itself into the checkout' });
  }
  if (problems.length > 0) throw new Failed(problems);
}

interface Naming {
  readonly namespace: string;
  readonly own: string;
  readonly shipwright: ShipwrightFile | undefined;
}

function imagesOf(dockerfiles: readonly string[], naming: Naming): Map<string, ImageSpec> {
  const images = new Map<string, ImageSpec>();
  const problems: Problem[] = [];
  for (const path of dockerfiles) {
    const place = { file: path, line: 1, column: 1 };
    const repository = repositoryOf(path, naming);
    if (repository === undefined || parseReference(repository) === undefined) {
      const message = repository === undefined ? `the folder of ${path} gives no legal image name` : `${repository} is no legal image name`;
      problems.push({ reason: 'config', message, place, advice: 'rename the folder, choose another --namespace, or write a project.yml' });
      continue;
    }
    const name = posix.basename(repository);
    const other = images.get(name);
    if (other !== undefined) {
      problems.push({
        reason: 'config',
        message: `two Dockerfiles make the image "${name}"`,
        place,
        related: { message: 'the other one', place: other.place },
        advice: 'rename one of their folders, or write a project.yml that names both images',
      });
      continue;
    }
    images.set(name, imageSpec(path, name, repository));
  }
  if (problems.length > 0) throw new Failed(problems);
  return images;
}

function imageSpec(path: string, name: string, repository: string): ImageSpec {
  const place = { file: path, line: 1, column: 1 };
  return {
    name,
    place,
    repository,
    context: { value: posix.dirname(path), place },
    dockerfile: { value: path, place },
    artifacts: [],
    role: false,
    args: {},
    secrets: {},
    ssh: [],
    cacheFrom: [],
  };
}

/** `<namespace>/<folder><suffix>`, or what `.shipwright.json` says of the folder. */
function repositoryOf(path: string, { namespace, own, shipwright }: Naming): string | undefined {
  const suffix = (imageSuffix(path) as string).toLowerCase();
  const folder = posix.dirname(path);
  const named = shipwright?.names.get(folder === '.' ? '/' : `/${folder}`);
  if (named !== undefined) return `${named}${suffix}`;
  const base = folder === '.' ? own : legalComponent(posix.basename(folder));
  const name = base === undefined ? undefined : legalComponent(`${base}${suffix}`);
  return name === undefined ? undefined : `${namespace}/${name}`;
}

/** The repository's name where it has a remote, else its folder's: the same on every machine that cloned it. */
async function ownName(repository: Repository | undefined, root: string): Promise<string> {
  const remote = await repository?.remoteUrl();
  const named = remote === undefined ? undefined : repositoryName(remote);
  if (named !== undefined) return named;
  // The first worktree is the main one: linked worktrees must not name images after their own folders.
  const main = (await repository?.worktrees())?.[0]?.path ?? root;
  return repositoryName(main) ?? legalComponent(basename(root)) ?? 'project';
}

async function walk(root: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = posix.join(folder, entry.name);
      if (entry.isFile()) found.push(path);
      else if (entry.isDirectory() && !isDependencyFolder(entry.name)) await visit(path);
    }
  };
  await visit('.');
  return found;
}
