import { evaluateMarker } from '../marker.js';
import type { MarkerEnvironment } from '../marker.js';
import { contains, parseSpecifiers } from '../specifier.js';
import { baseVersion, parseVersion } from '../version.js';
import { asText, asTexts, complain, markerOf } from './lock-text.js';
import type { LockText } from './lock-text.js';

/** Complains if the lock is not for this interpreter: `requires-python` (pre-releases of an allowed version count as it). */
export function checkPython(lock: LockText, { key, value }: { readonly key: string; readonly value: unknown }, variables: MarkerEnvironment['variables']): void {
  const text = asText(value);
  const version = parseVersion((variables['python_full_version'] ?? '').replace(/\+$/, ''));
  const specifiers = text === undefined ? undefined : parseSpecifiers(text);
  if (specifiers === undefined || version === undefined || contains(specifiers, baseVersion(version), true)) return;
  complain(lock, `${lock.file} is for Python ${text}, the builder has ${variables['python_full_version']}`, { place: lock.placeOf(key), advice: 'Lock again for this version, or use another builder' });
}

/** Complains if none of the environments that the lock is for is this one; no list means all. */
export function checkEnvironments(lock: LockText, key: string, variables: MarkerEnvironment['variables']): void {
  const texts = asTexts(lock.data[key]);
  const markers = texts.map((text) => markerOf(lock, text, () => lock.placeOf(key))).filter((marker) => marker !== undefined);
  if (texts.length === 0 || markers.some((marker) => evaluateMarker(marker, { variables }))) return;
  complain(lock, `${lock.file} is not for the builder's platform: ${texts.join(' or ')}`, { place: lock.placeOf(key), advice: 'Lock again with this platform among the environments' });
}

/** Complains about names that the lock does not know. */
export function checkSelection(lock: LockText, selection: { readonly kind: 'extra' | 'group'; readonly wanted: readonly string[]; readonly known: ReadonlySet<string> }): void {
  for (const name of selection.wanted.filter((candidate) => !selection.known.has(candidate))) {
    const known = [...selection.known].sort().join(', ');
    complain(lock, `${lock.file} has no ${selection.kind} ${name}`, { place: { file: lock.file, line: 1, column: 1 }, advice: known === '' ? `It has no ${selection.kind}s at all` : `It has: ${known}` });
  }
}
