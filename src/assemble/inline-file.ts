import { createHash } from 'node:crypto';
import type { SourceEntry, SourceFiles } from './assemble.js';

/** A file whose content stands in the Dockerfile. */
export function inlineFile(path: string, content: string): SourceFiles {
  const bytes = Buffer.from(content);
  const entry: SourceEntry = { type: 'file', path, mode: 0o644, uid: 0, gid: 0, size: bytes.length, hash: createHash('sha256').update(bytes).digest('hex') };
  return {
    list: async (asked) => (asked === path ? [entry] : undefined),
    paths: async () => [path],
    open: () => once(bytes),
  };
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}
