import { accessSync, constants, existsSync, lstatSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fail } from '../core/failure.js';
import { atomicWrite } from '../util/atomic-write.js';
import { diskError, errorCode } from '../util/disk.js';
import { makeFolder } from '../util/make-folder.js';
import { BUCKETS, FORMAT } from './layout.js';
import type { Layout } from './layout.js';

/** The user and a token for temporary names. */
export interface Creator {
  readonly token: string;
  /** Numeric user id that files are made with; undefined where the system has none. */
  readonly uid: number | undefined;
  /** Makes the process known as the owner of its temporary files, and the store's lock. */
  prepare(): Promise<void>;
}

/**
 * Makes the store where there is none, and checks the one that is there: `Failed` for a file, a folder of other
 * things, a newer format, or somebody else's. Two processes may do it at once; the format file comes last.
 */
export async function createStore(layout: Layout, creator: Creator): Promise<void> {
  try {
    checkFolder(layout);
    checkOwner(layout, creator.uid);
    const known = checkFormat(layout);
    makeFolders(layout);
    if (known) return;
    await creator.prepare();
    await writeMarkers(layout, creator.token);
  } catch (error) {
    // Its missing parents were made: what still is not there can't be, as below /proc.
    if (errorCode(error) === 'ENOENT') fail({ reason: 'store', message: `the store ${layout.root} can't be made there`, advice: 'Choose another with --store' });
    throw diskError(error, layout.root);
  }
}

function checkFolder({ root }: Layout): void {
  const stat = lookAt(root);
  if (stat === undefined) {
    if (lstatSync(root, { throwIfNoEntry: false }) === undefined) return;
    return fail({ reason: 'store', message: `the store ${root} is a link to nothing`, advice: 'Remove it, or choose another with --store.' });
  }
  if (!stat.isDirectory()) {
    fail({ reason: 'store', message: `the store ${root} is not a folder`, advice: 'Remove it, or choose another with --store.' });
  }
  const strange = existsSync(join(root, 'CACHEDIR.TAG')) ? undefined : readdirSync(root).find((name) => !isOurs(name));
  if (strange !== undefined) {
    fail({
      reason: 'store',
      message: `${root} is not a store: it holds other things (${strange})`,
      advice: 'Choose an empty or a new folder with --store.',
    });
  }
}

function lookAt(root: string): ReturnType<typeof statSync> | undefined {
  try {
    return statSync(root, { throwIfNoEntry: false });
  } catch (error) {
    if (errorCode(error) !== 'ENOTDIR') throw error;
    return fail({ reason: 'store', message: `the store ${root} lies below a file`, advice: 'Choose another with --store.' });
  }
}

/** Names that may be there before our tag is: our own, those of an empty git folder, of a fresh file system. */
function isOurs(name: string): boolean {
  return /^(v\d+|\.git(ignore|keep)|\.keep|lost\+found)$/.test(name);
}

/** A store of another user would get files that its owner can't remove (root), or refuse ours (anybody else). */
function checkOwner({ root, version }: Layout, uid: number | undefined): void {
  const path = existsSync(version) ? version : root;
  const owner = statSync(path, { throwIfNoEntry: false })?.uid;
  if (owner === undefined || uid === undefined || owner === uid) return;
  if (uid !== 0 && isWritable(path)) return;
  fail({
    reason: 'store',
    message: `the store ${root} belongs to another user (uid ${owner}, you are uid ${uid})`,
    advice: `Run as its owner, give it away with \`chown -R ${uid} ${root}\`, or choose another with --store.`,
  });
}

/** A read-only file system is fine as long as nothing has to be written. */
function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch (error) {
    return errorCode(error) === 'EROFS';
  }
}

/** True if the store is there and ours to use. */
function checkFormat({ root, version }: Layout): boolean {
  const format = readIfThere(join(version, 'FORMAT'));
  if (format === undefined) return false;
  if (format === FORMAT) return true;
  return fail({
    reason: 'store',
    message: `the store ${root} was made by another version of this program (${JSON.stringify(format.slice(0, 60).trim())})`,
    advice: 'Update the program, or choose another store with --store.',
  });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Also for a store that is known: archives of CI caches may drop empty folders. Exactly 0755 whatever the umask. Links are
 * refused: a checkout may bring a store with it, and what looks like a leftover in `tmp/` is removed, whosever it is. Only
 * the store's own folder may be a link, to where the user wants it.
 */
function makeFolders(layout: Layout): void {
  const { version, blobs, records, tmp, work, caches, logs, corrupt, locks, shared, processes } = layout;
  const own = [version, dirname(blobs), blobs, records, ...BUCKETS.map(layout.bucket), tmp, work, caches, logs, corrupt, locks, shared, processes];
  for (const path of own) {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) makeFolder(path);
    else if (!found.isDirectory()) {
      fail({ reason: 'store', message: `the store ${layout.root} is not sound: ${relative(layout.root, path)} is ${found.isSymbolicLink() ? 'a link' : 'no folder'}`, advice: 'Remove it, or choose another store with --store.' });
    }
  }
}

const CACHEDIR_TAG = `Signature: 8a477f597d28d172789f06886806bc55
# This folder is a cache made by wheelwright; see https://bford.info/cachedir/
`;

async function writeMarkers({ root, version, tmp }: Layout, token: string): Promise<void> {
  const markers = [
    [join(root, '.gitignore'), '*\n'],
    [join(root, 'CACHEDIR.TAG'), CACHEDIR_TAG],
    [join(version, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}\n'],
    [join(version, 'index.json'), '{"schemaVersion":2,"manifests":[]}\n'],
    [join(version, 'FORMAT'), FORMAT],
  ] as const;
  for (const [path, text] of markers) {
    if (!existsSync(path)) await atomicWrite(path, text, { temp: join(tmp, `${token}.marker`) });
  }
}
