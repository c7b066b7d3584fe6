/** Longest path that we take, in UTF-16 units; Linux's PATH_MAX is 4096 bytes. */
const MAX_PATH = 4096;
const PLAIN = /^[^\0\\]*$/;
/** An empty segment or `.`. */
const UNCLEAN = /(?:^|\/)\.?(?:\/|$)/;

/**
 * Why a name from an archive must not be used as a relative path; undefined if it may. `.` and empty segments are
 * harmless (see cleanPath). A backslash is an ordinary character on the systems we run on, but a name that would be
 * absolute or climb where it is a separator is a trick.
 */
export function unsafePath(name: string): string | undefined {
  if (name.length > MAX_PATH) return 'has too long a name';
  if (!PLAIN.test(name)) {
    if (name.includes('\0')) return 'has a NUL in its name';
    if (/^(?:\\|[A-Za-z]:\\)/.test(name) || name.split(/[/\\]/).includes('..')) return 'has backslashes that climb out of the tree';
  }
  if (name.startsWith('/')) return 'has an absolute name';
  if (name.includes('..') && name.split('/').includes('..')) return 'has a ".." segment in its name';
  return undefined;
}

/** Without `.` and empty segments and without a trailing slash; `''` for the root itself. */
export function cleanPath(name: string): string {
  if (!UNCLEAN.test(name)) return name;
  return name
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .join('/');
}

/**
 * Why a symlink at `path` (cleaned) must not point to `target` in a tree of our own; undefined if it may. `..` is allowed at
 * the front only, where it climbs through real folders: after a name it might climb out through another link.
 */
export function unsafeLink(path: string, target: string): string | undefined {
  if (target === '') return 'is a link to nothing';
  if (target.includes('\0')) return 'is a link with a NUL in its target';
  if (target.startsWith('/')) return 'is a link to an absolute path';
  if (/^(?:\\|[A-Za-z]:\\)/.test(target) || /(?:^|[/\\])\.\.\\|\\\.\.(?:[/\\]|$)/.test(target)) return 'is a link with backslashes that leave the tree';
  let room = path.split('/').length - 1;
  let named = false;
  for (const segment of target.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') {
      named = true;
    } else {
      if (named) return 'is a link with ".." after a name';
      room -= 1;
      if (room < 0) return 'is a link that leaves the tree';
    }
  }
  return undefined;
}

/**
 * The order of a walk that takes names by their UTF-8 bytes, and each folder right before what is in it: that of Go's
 * `filepath.WalkDir`, in which an engine writes what a build step made.
 */
export function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const [one, other] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (one !== other) return rank(one) - rank(other);
  }
  return a.length - b.length;
}

/** A slash ends a name, which comes before all longer ones; surrogates stand for characters above all others. */
function rank(unit: number): number {
  if (unit === 0x2f) return 0;
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}

/** The folder of a cleaned path; `''` for the root. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

/** Every folder above a cleaned path, outermost first, without the root. */
export function ancestorsOf(path: string): string[] {
  const folders: string[] = [];
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) folders.push(path.slice(0, slash));
  return folders;
}

/** A place as paths of archives say it: without slashes at either end, `''` for the root. */
export function rooted(path: string): string {
  return path.replace(/^\/+|\/+$/g, '');
}

/** A path that is relative to such a place. */
export function below(at: string, path: string): string {
  return at === '' ? path : `${at}/${path}`;
}
