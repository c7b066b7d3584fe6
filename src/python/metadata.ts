import type { Dependency } from './dependency.js';
import { parseDependency } from './dependency.js';
import { normalizeName } from './name.js';
import type { Specifier } from './specifier.js';
import { parseSpecifiers } from './specifier.js';
import { SyntaxFault } from './syntax.js';

/** What we need of core metadata (METADATA of wheels, PKG-INFO of sdists). */
export interface Metadata {
  readonly metadataVersion: string;
  /** Normalised. */
  readonly name: string;
  /** As written. */
  readonly version: string;
  readonly requiresDist: readonly Dependency[];
  /** Lines of Requires-Dist that are not valid; old packages have some. */
  readonly invalidRequiresDist: readonly string[];
  /** Undefined also where it is not valid, which installers ignore. */
  readonly requiresPython?: readonly Specifier[];
  /** Normalised. */
  readonly providesExtra: readonly string[];
  /** Field names in lower case that a build may still change (sdists, metadata 2.2); `Requires-Dist` of an sdist counts only if not here. */
  readonly dynamic: readonly string[];
}

/** Undefined if name or version is missing, that is, if this is no core metadata. */
export function parseMetadata(text: string): Metadata | undefined {
  const headers = parseHeaders(text);
  const [name, version] = [headers.get('name')?.[0], headers.get('version')?.[0]];
  if (name === undefined || version === undefined || name === '' || version === '') return undefined;
  const required = (headers.get('requires-dist') ?? []).map(parseRequired);
  const requiresPython = parseSpecifiers(headers.get('requires-python')?.[0] ?? '');
  return {
    metadataVersion: headers.get('metadata-version')?.[0] ?? '1.0',
    name: normalizeName(name),
    version,
    requiresDist: required.filter((item) => typeof item !== 'string'),
    invalidRequiresDist: required.filter((item) => typeof item === 'string'),
    ...(requiresPython === undefined || requiresPython.length === 0 ? {} : { requiresPython }),
    providesExtra: (headers.get('provides-extra') ?? []).map(normalizeName),
    dynamic: (headers.get('dynamic') ?? []).map((field) => field.toLowerCase()),
  };
}

/** True if the dependencies in an sdist's PKG-INFO can be relied on without building it (PEP 643). */
export function hasStaticDependencies(metadata: Metadata): boolean {
  const [major = 0, minor = 0] = metadata.metadataVersion.split('.').map(Number);
  return (major > 2 || (major === 2 && minor >= 2)) && !metadata.dynamic.includes('requires-dist') && !metadata.dynamic.includes('provides-extra');
}

/** Header fields of an RFC 822 message, names in lower case; lines that start with white space continue the one above. */
function parseHeaders(text: string): ReadonlyMap<string, readonly string[]> {
  const head = text.replace(/^\ufeff/, '').split(/\r?\n\r?\n/, 1)[0] as string;
  const headers = new Map<string, string[]>();
  for (const line of head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    const [, name, value] = /^([^:\s]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const values = headers.get(name.toLowerCase()) ?? [];
    values.push(value);
    headers.set(name.toLowerCase(), values);
  }
  return headers;
}

function parseRequired(text: string): Dependency | string {
  try {
    return parseDependency(text);
  } catch (error) {
    if (error instanceof SyntaxFault) return text;
    throw error;
  }
}
