import { createHash } from 'node:crypto';

/** A tag in the words of the distribution specification. */
const LEGAL = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
/** The end of every name that was changed. */
const CHANGED = /--[0-9a-f]{12}$/;
/** Tags with a meaning of their own: `latest`, and what starts like a revision or content key, also with `-dirty` after it. */
const RESERVED = /^(?:latest|[0-9a-f]{7,64}(?:-.*)?)$/;
const LONGEST = 128;

/**
 * The image tag of a branch. A name that is a legal tag stays as it is; any other has each run of illegal characters
 * replaced by one `-` and gets `--` and 12 hex digits of the SHA-256 of the whole name: `feature/x` is
 * `feature-x--` + 12 digits.
 *
 * No two branches share a tag: unchanged names differ since branches do; changed ones end in a digest of the whole name;
 * and no unchanged name can look like a changed one, because a name that ends like one is changed too. For the same
 * reason no branch can take `latest` or the tag of a revision or a content key.
 */
export function branchTag(branch: string): string {
  if (LEGAL.test(branch) && !CHANGED.test(branch) && !RESERVED.test(branch)) return branch;
  const suffix = `--${createHash('sha256').update(branch, 'utf8').digest('hex').slice(0, 12)}`;
  const readable = branch
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, LONGEST - suffix.length)
    .replace(/[.-]+$/, '');
  return `${readable || 'branch'}${suffix}`;
}
