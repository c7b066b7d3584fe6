import { posix } from 'node:path';
import { ancestorsOf, parentOf } from '../archive/paths.js';
import type { Patterns } from '../docker/pattern.js';
import type { SourceEntry, SourceFiles } from './assemble.js';
import type { ModeChange } from './chmod.js';
import { Refusal } from './refusal.js';
import type { Found } from './sources.js';
import type { Owner, StageFiles } from './stage-files.js';

export interface CopyRules {
  /** --chown; otherwise everything keeps its owner, and folders that are made on the way are root's. */
  readonly owner?: Owner;
  readonly chmod?: ModeChange;
  /** Entries of a folder that are left out, by their path below it. */
  readonly exclude?: Patterns;
}

/**
 * Copies a file, or what is in a folder, to a destination: a rooted path, with a slash at its end if it has to be a folder.
 * As `Copy` of BuildKit's fsutil does with CopyDirContents.
 */
export async function copyInto(files: StageFiles, { source, found, destination }: { readonly source: SourceFiles; readonly found: Found; readonly destination: string }, rules: CopyRules): Promise<void> {
  const listed = await source.list(found.path);
  if (listed === undefined && found.path !== '') throw new Refusal(`/${found.name} leads to nothing`);
  const top = listed?.find((entry) => entry.path === found.path);
  const isFolder = top === undefined || top.type === 'directory';
  const target = await targetOf(files, { name: found.name, isFolder, destination, rules });
  if (!isFolder) return writeEntry(files, { path: target, entry: top, source, rules });
  const prefix = found.path === '' ? '' : `${found.path}/`;
  const below = (listed ?? []).filter((entry) => entry.path !== found.path);
  for (const entry of rules.exclude === undefined ? below : remaining(below, prefix.length, rules.exclude)) {
    await writeEntry(files, { path: posix.join(target, entry.path.slice(prefix.length)), entry, source, rules });
  }
}

/** Without what is excluded, but for folders that hold something which is not. */
function remaining(entries: readonly SourceEntry[], prefix: number, exclude: Patterns): SourceEntry[] {
  const kept = entries.filter(({ path }) => !exclude.matches(path.slice(prefix))).map(({ path }) => path);
  const needed = new Set([...kept, ...kept.flatMap(ancestorsOf)]);
  return entries.filter(({ path }) => needed.has(path));
}

/** Where the source comes to lie, the folders above made (and the folder itself, if it is one). */
async function targetOf(files: StageFiles, { name, isFolder, destination, rules }: { readonly name: string; readonly isFolder: boolean; readonly destination: string; readonly rules: CopyRules }): Promise<string> {
  const slash = destination.lastIndexOf('/');
  const last = destination.slice(slash + 1);
  const wanted = last !== '' && last !== '.' ? destination.slice(0, slash + 1) : destination;
  const made = { owner: rules.owner, mode: rules.chmod?.folders };
  await files.makeFolders(await files.resolve(posix.join('/', wanted)), made);
  const resolved = await files.resolve(posix.join('/', destination).replace(/(.)\/$/, '$1'));
  const before = resolved === '' ? 'directory' : (await files.lstat(resolved))?.type;
  if (isFolder) {
    if (before !== undefined && before !== 'directory') throw new Refusal(`a folder can't be copied onto /${resolved}, which is none`);
    await files.makeFolders(resolved, made);
    return resolved;
  }
  const target = before === 'directory' ? posix.join(resolved, name) : resolved;
  await files.makeFolders(parentOf(target), made);
  return target;
}

async function writeEntry(files: StageFiles, { path, entry, source, rules }: { readonly path: string; readonly entry: SourceEntry; readonly source: SourceFiles; readonly rules: CopyRules }): Promise<void> {
  const { uid, gid } = rules.owner ?? entry;
  if (entry.type === 'directory') {
    const before = await files.lstat(path);
    if (before !== undefined && before.type !== 'directory') throw new Refusal(`a folder can't be copied onto /${path}, which is none`);
    const mode = rules.chmod?.change(entry.mode, 'directory') ?? entry.mode;
    files.write(path, { node: { type: 'directory', mode, uid, gid } });
  } else if (entry.type === 'symlink') {
    await files.replace(path, { node: { type: 'symlink', target: entry.target, uid, gid } });
  } else {
    const mode = rules.chmod?.change(entry.mode, 'file') ?? entry.mode;
    await files.replace(path, { node: { type: 'file', mode, uid, gid, size: entry.size }, content: () => source.open(entry), ...(entry.hash === undefined ? {} : { hash: entry.hash }) });
  }
}
