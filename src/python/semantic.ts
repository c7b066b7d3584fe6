import { compare } from '../core/record.js';
import { canonicalMarker } from './marker.js';
import type { FormatSelection, IndexOptions, Requirement, RequirementInput, RequirementSource } from './requirement.js';
import { canonicalSpecifiers } from './specifier.js';

/**
 * What a requirement set's files mean, as data for its key record: comments, order, continuations, spelling of names and
 * versions and the splitting into files do not show in it; pins, hashes, markers, extras, sources and index options do.
 * Credentials never do. Names are keys, so that `why` can name the package that changed.
 */
export interface SemanticForm {
  /** By name (by source where no name is known): every distinct requirement as one line, sorted. */
  readonly requirements: Readonly<Record<string, readonly string[]>>;
  readonly constraints: Readonly<Record<string, readonly string[]>>;
  /** Only options that are set. */
  readonly options: Readonly<Record<string, string | boolean | readonly string[]>>;
}

export function semanticForm(input: Pick<RequirementInput, 'requirements' | 'constraints' | 'options'>): SemanticForm {
  return { requirements: byName(input.requirements), constraints: byName(input.constraints), options: semanticOptions(input.options) };
}

/** One requirement as canonical text: `name[extras]==1.0 ; marker --hash=… …`. */
export function semanticLine(requirement: Requirement): string {
  const extras = requirement.extras.length === 0 ? '' : `[${requirement.extras.join(',')}]`;
  const source = sourceText(requirement.source);
  return [
    `${requirement.editable ? '-e ' : ''}${requirement.name ?? ''}${extras}${canonicalSpecifiers(requirement.specifiers)}${source === '' ? '' : ` @ ${source}`}`,
    ...(requirement.marker === undefined ? [] : [`; ${canonicalMarker(requirement.marker)}`]),
    ...requirement.hashes.map((hash) => `--hash=${hash}`),
    ...requirement.configSettings.map(([name, value]) => `--config-settings=${JSON.stringify(`${name}=${value}`)}`),
    ...requirement.globalOptions.map((option) => `--global-option=${JSON.stringify(option)}`),
  ].join(' ');
}

function byName(requirements: readonly Requirement[]): Readonly<Record<string, readonly string[]>> {
  const lines = new Map<string, Set<string>>();
  for (const requirement of requirements) {
    const key = requirement.name ?? sourceText(requirement.source);
    const set = lines.get(key) ?? new Set();
    lines.set(key, set.add(semanticLine(requirement)));
  }
  const sorted = [...lines].sort(([a], [b]) => compare(a, b));
  return Object.fromEntries(sorted.map(([name, set]) => [name, [...set].sort(compare)]));
}

function sourceText(source: RequirementSource): string {
  if (source.kind === 'index') return '';
  const subdirectory = source.subdirectory === undefined ? '' : `#subdirectory=${source.subdirectory}`;
  if (source.kind === 'url') return source.url.shown + subdirectory;
  if (source.kind === 'path') return `${source.path}${subdirectory}`;
  return `${source.vcs}+${source.url.shown}${source.revision === undefined ? '' : `@${source.revision}`}${subdirectory}`;
}

/** Order counts among indexes and among find-links places; trusted hosts and features change no result. */
function semanticOptions(options: IndexOptions): SemanticForm['options'] {
  return {
    ...(options.indexUrl === undefined ? {} : { 'index-url': options.indexUrl.shown }),
    ...(options.extraIndexUrls.length === 0 ? {} : { 'extra-index-url': options.extraIndexUrls.map((url) => url.shown) }),
    ...(options.noIndex ? { 'no-index': true } : {}),
    ...(options.findLinks.length === 0 ? {} : { 'find-links': options.findLinks.map((place) => ('url' in place ? place.url.shown : place.path)) }),
    ...(options.prereleases ? { pre: true } : {}),
    ...formats('no-binary', options.noBinary),
    ...formats('only-binary', options.onlyBinary),
    ...(options.preferBinary ? { 'prefer-binary': true } : {}),
    ...(options.requireHashes ? { 'require-hashes': true } : {}),
  };
}

function formats(name: string, selection: FormatSelection): SemanticForm['options'] {
  return selection === 'all' ? { [name]: ':all:' } : selection.length === 0 ? {} : { [name]: selection };
}
