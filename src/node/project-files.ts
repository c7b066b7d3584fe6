import { posix } from 'node:path';
import { Failed } from '../core/failure.js';
import { readInside, type Inputs } from './inputs.js';
import { parseLock, type Lock } from './lock.js';
import { parsePackageJson, type JsonFile, type PackageJson } from './manifest.js';
import { parseNpmrc, type Npmrc } from './npmrc.js';
import type { Manifests } from './tree.js';

/** The inputs, parsed and checked one by one. */
export interface ProjectFiles {
  readonly lock: Lock;
  readonly manifests: Manifests;
  /** package.json files by folder, relative to the lock; '' is the project's. */
  readonly files: ReadonlyMap<string, JsonFile<PackageJson>>;
  /** Texts of those that are neither the project's nor a workspace's, by folder: targets of `file:` dependencies. */
  readonly others: ReadonlyMap<string, string>;
  readonly npmrc: Npmrc;
}

export async function parseProject(inputs: Inputs, env: Readonly<Record<string, string>>): Promise<ProjectFiles> {
  const { root, folder, manifest } = inputs;
  const lock = parseLock(inputs.lockFile, inputs.lock);
  const files = new Map<string, JsonFile<PackageJson>>([['', manifest]]);
  const workspaces = new Map<string, string>();
  for (const [at, text] of inputs.workspaces) {
    const json = parsePackageJson(posix.join(folder, at, 'package.json'), text);
    files.set(at, json);
    const name = json.value.name ?? (/(?:@[^/]+\/)?[^/]*$/.exec(at)?.[0] as string);
    const other = workspaces.get(name);
    if (other !== undefined) throw duplicateWorkspace(name, [files.get(other) as JsonFile<PackageJson>, json]);
    workspaces.set(name, at);
  }
  const others = new Map<string, string>();
  for (const { link, resolved } of lock.packages.values()) {
    if (!link || resolved === undefined || files.has(resolved)) continue;
    const text = await readFolder({ root, folder, at: resolved });
    if (text === undefined) continue;
    others.set(resolved, text);
    files.set(resolved, parsePackageJson(posix.join(folder, resolved, 'package.json'), text));
  }
  const folders = new Map([...files].filter(([at]) => at !== '').map(([at, json]) => [at, json.value] as const));
  return {
    lock, files, others,
    manifests: { root: manifest.value, folders, workspaces },
    npmrc: parseNpmrc(inputs.npmrc, { file: inputs.npmrcFile, env }),
  };
}

/** The package.json of a link's target; undefined where there is none, or the target is outside the project. */
export async function readFolder({ root, folder, at }: { readonly root: string; readonly folder: string; readonly at: string }): Promise<string | undefined> {
  const path = posix.join(folder, at, 'package.json');
  return path.startsWith('../') ? undefined : readInside(root, path);
}

function duplicateWorkspace(name: string, [first, again]: readonly [JsonFile<PackageJson>, JsonFile<PackageJson>]): Failed {
  return new Failed({
    reason: 'requirements',
    message: `two workspaces are named ${name}`,
    place: { file: again.file, line: 1, column: 1 },
    related: { message: 'first here', place: { file: first.file, line: 1, column: 1 } },
    advice: 'Give each workspace a name of its own',
  });
}
