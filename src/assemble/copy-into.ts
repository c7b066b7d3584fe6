import { posix } from 'node:path';
import { parentOf } from '../archive/paths.js';
import type { SourceEntry, SourceFiles } from './assemble.js';
import type { ModeChange } from './chmod.js';
import { Refusal } from './refusal.js';
import type { Found } from './sources.js';
import type { Owner, StageFiles } from './stage-files.js';

export interface CopyRules {
  /** --chown; otherwise everything keeps its owner, and folders that are made on the way are root's. */
  readonly owner?: Owner;
  readonly chmod?: ModeChange;
  /** Leaves an entry out, by its path below the source. */
  readonly excludes?: (below: string) => boolean;
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
  for (const entry of listed ?? []) {
    if (entry.path === found.path) continue;
    const below = entry.path.slice(prefix.length);
    await writeEntry(files, { path: target === '' ? below : `${target}/${below}`, entry, source, rules });
  }
}

/** Where the source comes to lie, the folders above made (and the folder itself, if it is one). */
async function targetOf(files: StageFiles, { name, isFolder, destination, rules }: { readonly name: string; readonly isFolder: boolean; readonly destination: string; readonly rules: CopyRules }): Promise<string> {
  const slash = destination.lastIndexOf('/');
  const last = destination.slice(slash + 1);
  const wanted = last !== '' && last !== '.' ? destination.slice(0, slash + 1) : destination;
  await files.makeFolders(await files.resolve(posix.join('/', wanted)), rules.owner);
  const resolved = await files.resolve(posix.join('/', destination).replace(/(.)\/$/, '$1'));
  const before = resolved === '' ? 'directory' : (await files.lstat(resolved))?.type;
  if (isFolder) {
    if (before !== undefined && before !== 'directory') throw new Refusal(`a folder can't be copied onto /${resolved}, which is none`);
    await files.makeFolders(resolved, rules.owner);
    return resolved;
  }
  const target = before === 'directory' ? posix.join(resolved, name) : resolved;
  await files.makeFolders(parentOf(target), rules.owner);
  return target;
}

async function writeEntry(files: StageFiles, { path, entry, source, rules }: { readonly path: string; readonly entry: SourceEntry; readonly source: SourceFiles; readonly rules: CopyRules }): Promise<void> {
  const { uid, gid } = rules.owner ?? entry;
  if (entry.type === 'directory') {
    const before = await files.lstat(path);
    if (before !== undefined && before.type !== 'directory') throw new Refusal(`a folder can't be copied onto /${path}, which is none`);
    const mode = rules.chmod === undefined ? entry.mode : rules.chmod(entry.mode, 'directory');
    files.write(path, { node: { type: 'directory', mode, uid, gid } });
  } else if (entry.type === 'symlink') {
    await files.replace(path, { node: { type: 'symlink', target: entry.target, uid, gid } });
  } else {
    const mode = rules.chmod === undefined ? entry.mode : rules.chmod(entry.mode, 'file');
    await files.replace(path, { node: { type: 'file', mode, uid, gid, size: entry.size }, content: () => source.open(entry) });
  }
}
