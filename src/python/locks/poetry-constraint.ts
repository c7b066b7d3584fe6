import type { Specifier } from '../specifier.js';
import { contains, parseSpecifier } from '../specifier.js';
import type { Version } from '../version.js';
import { parseVersion } from '../version.js';

/**
 * True if a version is inside one of Poetry's constraints: `^1.2`, `~1.2`, `1.*`, `>=1,<2`, alternatives joined by `||`, a bare
 * version (exactly that one), `*`. What cannot be read allows everything: it only helps to choose among locked versions.
 */
export function poetryAllows(constraint: string, version: Version): boolean {
  return constraint.split(/\|\|?/).some((alternative) => {
    const clauses = alternative.trim().split(/\s*,\s*|(?<=[^\s<>=!~^])\s+(?=[<>=!~^])/).flatMap(clauseOf);
    return contains(clauses, version, true);
  });
}

function clauseOf(text: string): readonly Specifier[] {
  const clause = text.trim();
  if (clause === '' || clause === '*') return [];
  const caret = /^\^\s*(.+)$/.exec(clause);
  if (caret !== null) return range(caret[1] as string, caretCeiling);
  const tilde = /^~(?!=)\s*(.+)$/.exec(clause);
  if (tilde !== null) return range(tilde[1] as string, tildeCeiling);
  const specifier = parseSpecifier(/^[<>=!~]/.test(clause) ? clause : `==${clause.replace(/^([0-9.]+)\.x$/i, '$1.*')}`);
  return specifier === undefined ? [] : [specifier];
}

function range(text: string, ceiling: (release: readonly number[]) => readonly number[]): readonly Specifier[] {
  const version = parseVersion(text);
  if (version === undefined) return [];
  const top = ceiling(version.release.map(Number)).join('.');
  return [
    { operator: '>=', version: text },
    { operator: '<', version: `${version.epoch === 0 ? '' : `${version.epoch}!`}${top}` },
  ];
}

/** `^` keeps the first number that is not zero. */
function caretCeiling(release: readonly number[]): readonly number[] {
  const found = release.findIndex((part) => part !== 0);
  const fixed = found === -1 ? release.length - 1 : found;
  return [...release.slice(0, fixed), (release[fixed] ?? 0) + 1];
}

/** `~1.2.3` and `~1.2` keep 1.2, `~1` keeps 1. */
function tildeCeiling(release: readonly number[]): readonly number[] {
  const fixed = Math.min(1, release.length - 1);
  return [...release.slice(0, fixed), (release[fixed] ?? 0) + 1];
}
