import { posix } from 'node:path';
import type { Entry } from '../archive/entry.js';
import { parentOf } from '../archive/paths.js';
import { ArchiveContents } from './archive-contents.js';
import type { Written } from './draft.js';
import { BuilderOnly } from './refusal.js';
import { resolveLinks } from './resolve-links.js';
import type { Owner, StageFiles } from './stage-files.js';

/**
 * Unpacks a local tar into a folder as ADD does: modes are the archive's, owners too unless one is given, folders that are
 * there take them over, all else is replaced; folders that the archive does not name are 0755 of root.
 */
export async function unpackInto(files: StageFiles, { open, name, destination }: { readonly open: () => AsyncIterable<Uint8Array>; readonly name: string; readonly destination: string }, owner: Owner | undefined): Promise<void> {
  const folder = await files.resolve(destination);
  await files.makeFolders(folder, { owner });
  const contents = new ArchiveContents(open, name);
  const written = new Map<string, Written>();
  /** By file, if that has several names. */
  const last = new Map<object, Written>();
  for (const [number, entry] of (await contents.entries()).entries()) {
    const path = await placeOf(files, folder, entry);
    const item = writtenOf(owner === undefined ? entry : { ...entry, ...owner }, { written, content: () => contents.content(number) });
    await put(files, path, item);
    written.set(entry.path, item);
    if (entry.type === 'hardlink') last.set(item.inode!, item);
  }
  // All names of a file have what the last one says.
  for (const [path, item] of written) {
    const latest = item.inode && last.get(item.inode);
    if (latest !== undefined && latest !== item) files.write(posix.join(folder, path), latest);
  }
}

/** Links within the archive's own folders lead nowhere outside of the destination. */
async function placeOf(files: StageFiles, folder: string, { path }: Entry): Promise<string> {
  const above = parentOf(path);
  const resolved = await resolveLinks((at) => files.lstat(posix.join(folder, at)), above);
  if (resolved !== above) throw new BuilderOnly(`ADD of an archive with files behind a link (${above})`);
  await files.makeFolders(posix.join(folder, above), { owner: ROOT });
  return posix.join(folder, path);
}

const ROOT: Owner = { uid: 0, gid: 0 };

function writtenOf(entry: Entry, { written, content }: { readonly written: ReadonlyMap<string, Written>; readonly content: () => AsyncIterable<Uint8Array> }): Written {
  const { mode, uid, gid } = entry;
  switch (entry.type) {
    case 'directory':
      return { node: { type: 'directory', mode, uid, gid } };
    case 'symlink':
      return { node: { type: 'symlink', target: entry.target, uid, gid } };
    case 'file': {
      const item = { node: { type: 'file', mode, uid, gid, size: entry.size }, content } as const;
      return { ...item, inode: item };
    }
    case 'hardlink': {
      const target = written.get(entry.target);
      if (target?.node.type !== 'file') throw new BuilderOnly('ADD of an archive with a hard link to something that is no file of it');
      return { ...target, node: { ...target.node, mode, uid, gid } };
    }
  }
}

async function put(files: StageFiles, path: string, item: Written): Promise<void> {
  const before = await files.lstat(path);
  if (before?.type === 'directory' && item.node.type !== 'directory') throw new BuilderOnly(`ADD of an archive that replaces the folder /${path}`);
  files.write(path, item);
}
