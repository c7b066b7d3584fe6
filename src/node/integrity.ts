import type { Hash } from '../store/store.js';

const STRENGTH = ['sha1', 'sha256', 'sha384', 'sha512'] as const;
const BYTES = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 } as const;

/**
 * The hashes of an integrity string that count: those of its strongest algorithm. Content is right when it has one of
 * them. Undefined when there is no usable hash in it.
 */
export function parseIntegrity(text: string): readonly [Hash, ...Hash[]] | undefined {
  const found: Hash[] = [];
  for (const part of text.trim().split(/\s+/)) {
    const match = /^(sha1|sha256|sha384|sha512)-([A-Za-z0-9+/]+={0,2})(?:\?.*)?$/.exec(part);
    if (!match) continue;
    const algorithm = match[1] as (typeof STRENGTH)[number];
    const bytes = Buffer.from(match[2] as string, 'base64');
    if (bytes.length === BYTES[algorithm]) found.push({ algorithm, hex: bytes.toString('hex') });
  }
  for (const algorithm of [...STRENGTH].reverse()) {
    const [first, ...rest] = found.filter((hash) => hash.algorithm === algorithm);
    if (first) return [first, ...rest];
  }
  return undefined;
}

/** As lock files write it: `sha512-…`. */
export function formatIntegrity(hash: Hash): string {
  return `${hash.algorithm}-${Buffer.from(hash.hex, 'hex').toString('base64')}`;
}
