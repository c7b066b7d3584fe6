import { normalizeName } from '../name.js';
import { asTable, asText, asTexts } from './lock-text.js';

/** A dependency as poetry.lock and pyproject.toml write it. */
export interface PoetryEdge {
  readonly name: string;
  readonly constraint: string;
  readonly marker?: string;
  /** Poetry's own short forms of markers, pyproject.toml only: a constraint, a value of sys_platform. */
  readonly python?: string;
  readonly platform?: string;
  readonly optional: boolean;
  readonly extras: readonly string[];
}

/** `">=1"`, `{ version = ">=1", markers = "…", optional = true, extras = […] }`, or a list of those. */
export function poetryEdges(name: string, value: unknown): readonly PoetryEdge[] {
  if (Array.isArray(value)) return value.flatMap((item) => poetryEdges(name, item));
  const table = typeof value === 'string' ? { version: value } : asTable(value);
  const [marker, python, platform] = [asText(table['markers']), asText(table['python']), asText(table['platform'])];
  return [
    {
      name: normalizeName(name),
      constraint: asText(table['version']) ?? '*',
      ...(marker === undefined ? {} : { marker }),
      ...(python === undefined ? {} : { python }),
      ...(platform === undefined ? {} : { platform }),
      optional: table['optional'] === true,
      extras: asTexts(table['extras']).map(normalizeName),
    },
  ];
}
