import { join, posix, relative, sep } from 'node:path';
import type { Project } from '../config/project.js';
import { readContext, type ContextEntry } from '../docker/context.js';
import { Patterns } from '../docker/pattern.js';
import { Reach } from '../docker/reach.js';
import type { StatCache } from '../docker/stat-cache.js';
import { dockerfileInContext, sourcesOf, type ImageNode } from './node.js';

/** What of an image's context folder can reach the image. */
export interface ImageContext {
  readonly entries: readonly ContextEntry[];
  readonly reach: Reach;
  /** Whether a path of the project (there or deleted; a submodule's is a folder) is part of what the image is built from. */
  reachedBy(path: string): boolean;
}

export interface ImageContextOptions {
  readonly project: Project;
  readonly statCache: StatCache;
  /** Some image that it is built from copies out of the context by ONBUILD. */
  readonly parentsCopy: boolean;
}

export async function readImageContext(node: ImageNode, { project, statCache, parentsCopy }: ImageContextOptions): Promise<ImageContext> {
  const { spec, ignore } = node;
  const folder = posix.normalize(spec.context.value);
  const root = join(project.root, folder);
  const reach = new Reach(sourcesOf(node, parentsCopy));
  const include = spec.include === undefined ? undefined : new Patterns(spec.include);
  const omit = omitted(root, project, node);
  const found = await readContext({
    root,
    ignore: ignore.patterns,
    reach,
    omit,
    statCache,
    cachePrefix: folder,
    ...(include === undefined ? {} : { include }),
  });
  const own = dockerfileInContext(node);
  const folders = foldersOf(found);
  const files = [posix.normalize(spec.dockerfile.value), ...(ignore.file === undefined ? [] : [slashed(relative(project.root, ignore.file))])];
  return {
    entries: found,
    reach,
    reachedBy(changed) {
      const path = changed.replace(/\/$/, '');
      const isAbove = (file: string): boolean => file === path || file.startsWith(`${path}/`);
      if (files.some(isAbove) || (folder !== '.' && isAbove(folder))) return true;
      const inside = folder === '.' ? path : path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : undefined;
      if (inside === undefined || inside === own || omit.some((name) => inside === name || inside.startsWith(`${name}/`))) return false;
      if (folders().has(inside)) return true;
      return reach.has(inside) && !ignore.patterns.matches(inside) && (include === undefined || include.matches(inside));
    },
  };
}

/** The store is never part of a context, nor is what our own artifacts take the place of. */
function omitted(root: string, project: Project, { spec }: ImageNode): string[] {
  const store = slashed(relative(root, project.store));
  return [
    ...(store === '' || store.startsWith('..') ? [] : [store]),
    ...spec.artifacts.flatMap(({ value }) => [artifactTarPath(value), wheelsPath(value)]),
  ];
}

/** Where an artifact lies in the contexts of the images that name it. */
export function artifactTarPath(name: string): string {
  return `artifacts/${name}.tar`;
}

export function wheelsPath(name: string): string {
  return `artifacts/${name}/wheels`;
}

/** Every folder above an entry, found when they are first asked for. */
function foldersOf(entries: readonly ContextEntry[]): () => ReadonlySet<string> {
  let folders: Set<string> | undefined;
  return () => {
    if (folders !== undefined) return folders;
    folders = new Set();
    for (const { path } of entries) {
      for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) folders.add(path.slice(0, slash));
    }
    return folders;
  };
}

function slashed(path: string): string {
  return path.split(sep).join('/');
}
