import { posix } from 'node:path';
import { Refusal } from './refusal.js';

/** What a path of some file system is, no link followed; undefined: nothing (known of). */
export type Lstat = (path: string) => Promise<{ readonly type: string; readonly target?: string } | undefined>;

const MOST_LINKS = 255;
/** Bytes; Linux has PATH_MAX (4096) with the NUL. */
const LONGEST = 4095;

/**
 * A path with all links in it followed, the last one too, none of them leaving the root; rooted, without a leading slash.
 * What does not exist is taken as it stands. As `RootPath` of containerd's fs package does, which builders use.
 */
export async function resolveLinks(lstat: Lstat, path: string): Promise<string> {
  if (Buffer.byteLength(path) > LONGEST) throw new Refusal(`/${path.replace(/^\/+/, '').slice(0, 40)}… is too long for a path`);
  let walked = 0;
  let current = path;
  for (;;) {
    const before = walked;
    current = await walk(current);
    if (walked === before) return posix.join('/', current).slice(1);
  }

  async function walk(whole: string): Promise<string> {
    const slash = whole.lastIndexOf('/');
    const [above, last] = [whole.slice(0, slash + 1), whole.slice(slash + 1)];
    if (above === '') return (await step(last)).path;
    if (last === '') return above === '/' ? above : walk(above.slice(0, -1));
    const folder = await walk(above);
    const found = await step(posix.join(folder, last));
    if (!found.link || found.path.startsWith('/')) return found.path;
    return posix.join(folder, found.path);
  }

  async function step(at: string): Promise<{ readonly path: string; readonly link: boolean }> {
    if (walked > MOST_LINKS) throw new Refusal(`/${path.replace(/^\/+/, '')} leads through too many links`);
    const rooted = posix.join('/', at);
    if (rooted === '/') return { path: rooted, link: false };
    const node = await lstat(rooted.slice(1));
    if (node?.type !== 'symlink') return { path: rooted, link: false };
    walked += 1;
    return { path: node.target ?? '', link: true };
  }
}
