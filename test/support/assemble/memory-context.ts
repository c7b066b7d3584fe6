import { compare } from '../../../src/core/record.js';
import type { AssemblyContext, SourceEntry, SourceFiles } from '../../../src/assemble/assemble.js';
import { contentOf, type FileTree } from './file-tree.js';
import type { TestEntry } from './node.js';

/** Entries of a test as a context. */
export function memoryContext(entries: readonly TestEntry[], artifacts: Readonly<Record<string, string>> = {}): AssemblyContext {
  const contents = new Map(entries.map((entry) => [entry.path, entry.content ?? Buffer.alloc(0)]));
  const known = entries.map(({ type, path, mode, target, content }): SourceEntry => {
    const common = { path, uid: 0, gid: 0 };
    if (type === 'directory') return { type, mode: mode ?? 0o755, ...common };
    if (type === 'symlink') return { type, mode: 0o777, target: target!, ...common };
    return { type: 'file', mode: mode ?? 0o644, size: content!.length, ...common };
  });
  return { ...sourceFiles(known, (path) => contents.get(path)!), artifactAt: (path) => artifacts[path] };
}

/** An image's tree as what COPY --from takes from. */
export function treeFiles(tree: FileTree): SourceFiles {
  const known = [...tree].map(([path, item]): SourceEntry => {
    const { type, mode, uid, gid, size, target } = item;
    if (type === 'directory') return { type, path, mode, uid, gid };
    if (type === 'symlink') return { type, path, mode: 0o777, target, uid, gid };
    return { type: 'file', path, mode, uid, gid, size };
  });
  return sourceFiles(known, (path) => contentOf(tree.get(path)!));
}

function sourceFiles(known: readonly SourceEntry[], contentAt: (path: string) => Buffer): SourceFiles {
  const sorted = [...known].sort((a, b) => compare(a.path, b.path));
  return {
    list: async (path) => {
      const found = sorted.filter((entry) => path === '' || entry.path === path || entry.path.startsWith(`${path}/`));
      return found.length === 0 && path !== '' ? undefined : found;
    },
    paths: async () => sorted.map(({ path }) => path),
    open: async function* ({ path }) {
      const content = contentAt(path);
      for (let at = 0; at < content.length; at += 1000) yield content.subarray(at, at + 1000);
    },
  };
}
