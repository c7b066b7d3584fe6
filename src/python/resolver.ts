import { FIXED_TIME } from '../archive/entry.js';
import type { PackItem } from '../archive/pack-tar.js';
import { tarOf } from '../archive/pack-tar.js';
import { fail } from '../core/failure.js';
import type { Place } from '../core/place.js';
import { resolve } from 'node:path';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { indexEnvironment } from './compile-wheel.js';
import { canonicalMarker } from './marker.js';
import type { Requirement } from './requirement.js';
import { readRequirements } from './requirements-file.js';
import { treeItems } from './source-tree.js';
import type { Work } from './work.js';

export interface Question {
  readonly requirements: readonly Requirement[];
  readonly constraints: readonly Requirement[];
}

/**
 * Asks the resolver in the builder (uv, else pip) for exact versions of everything that the requirements need. The answer
 * has index and git requirements only: local ones are what they are. Fails (`requirements`) with the resolver's own words.
 */
export async function resolveInBuilder(question: Question, work: Work): Promise<readonly Requirement[]> {
  const { context, interpreter } = work;
  const builder = await context.builder();
  const { uv, pip } = interpreter.facts;
  if (uv === undefined && pip === undefined) {
    fail({ reason: 'unsupported', message: 'the builder has neither uv nor pip to resolve requirements with', advice: 'install uv or pip in the builder image, or pin everything' });
  }
  const dir = await builder.scratch('resolve');
  try {
    await builder.put(dir, tarOf(inputItems(question, { dir, work })));
    const { argv, read } = uv === undefined ? pipCommand(dir, work) : uvCommand(dir, work);
    const chunks: Buffer[] = [];
    const result = await builder.run({ subject: `resolve ${work.artifact}`, argv, env: indexEnvironment(work), onStdout: (chunk) => void chunks.push(chunk), signal: context.signal });
    if (result.exitCode !== 0) {
      const offline = context.offline ? 'run once without --offline, so that the lock gets into the store' : 'correct the requirements, or see the log';
      fail({
        reason: context.offline ? 'offline' : 'requirements',
        message: `the requirements of ${work.artifact} cannot be resolved`,
        ...culprit(question, result.tail),
        detail: [...result.tail, `whole log: ${result.log}`],
        advice: offline,
      });
    }
    return await parseAnswer(read(Buffer.concat(chunks).toString('utf8')));
  } finally {
    await builder.discard(dir);
  }
}

/** The place of the first requirement that the resolver's words name, else of the first of all. */
function culprit({ requirements }: Question, words: readonly string[]): { readonly place?: Place } {
  const text = words.join(' ').toLowerCase();
  const named = requirements.find(({ name }) => name !== undefined && new RegExp(`(?<![\\w.-])${name.replaceAll(/[.+]/g, '\\$&')}(?![\\w-])`).test(text));
  const place = (named ?? requirements[0])?.place;
  return place === undefined ? {} : { place };
}

interface Asking {
  readonly argv: readonly string[];
  /** Turns the output into requirement lines. */
  readonly read: (output: string) => string;
}

function uvCommand(dir: string, { interpreter, options }: Work): Asking {
  const argv = [
    ...['uv', 'pip', 'compile', '--quiet', '--no-config', '--no-header', '--no-annotate', '--no-progress', '--generate-hashes'],
    // pip's rule: all indexes are alike.
    ...['--index-strategy', 'unsafe-best-match', '--python', interpreter.facts.executable],
    ...(options.prereleases ? ['--prerelease', 'allow'] : []),
    ...formatFlags('--no-binary', options.noBinary),
    ...formatFlags('--only-binary', options.onlyBinary),
    ...linkFlags(dir, options.findLinks),
    ...(options.noIndex ? ['--no-index'] : []),
    ...['--constraint', `${dir}/constraints.txt`, `${dir}/requirements.txt`],
  ];
  return { argv, read: (output) => output };
}

function pipCommand(dir: string, { interpreter, options }: Work): Asking {
  const argv = [
    ...[interpreter.facts.executable, '-m', 'pip', 'install', '--dry-run', '--ignore-installed', '--quiet', '--disable-pip-version-check', '--break-system-packages', '--report', '-'],
    ...(options.prereleases ? ['--pre'] : []),
    ...formatFlags('--no-binary', options.noBinary),
    ...formatFlags('--only-binary', options.onlyBinary),
    ...linkFlags(dir, options.findLinks),
    ...(options.noIndex ? ['--no-index'] : []),
    ...['--constraint', `${dir}/constraints.txt`, '--requirement', `${dir}/requirements.txt`],
  ];
  return { argv, read: reportLines };
}

function formatFlags(flag: string, selection: 'all' | readonly string[]): readonly string[] {
  return (selection === 'all' ? [':all:'] : selection).flatMap((name) => [flag, name]);
}

function linkFlags(dir: string, links: Work['options']['findLinks']): readonly string[] {
  return links.flatMap((link, position) => ('path' in link ? ['--find-links', `${dir}/links/${position}`] : []));
}

/** Of pip's installation report (PEP 710 draft, version 1). */
function reportLines(output: string): string {
  const report = JSON.parse(output) as { readonly install: readonly ReportItem[] };
  return report.install
    .map(({ metadata, download_info: { url, vcs_info: vcs, archive_info: archive, dir_info: directory }, is_direct: direct }) => {
      if (directory !== undefined || url.startsWith('file:')) return '';
      if (vcs !== undefined) return `${metadata.name} @ ${vcs.vcs}+${url}@${vcs.commit_id}`;
      if (direct === true) return `${metadata.name} @ ${url}`;
      const hashes = Object.entries(archive?.hashes ?? {}).map(([algorithm, hex]) => ` --hash=${algorithm}:${hex}`);
      return `${metadata.name}==${metadata.version}${hashes.join('')}`;
    })
    .join('\n');
}

interface ReportItem {
  readonly metadata: { readonly name: string; readonly version: string };
  readonly is_direct?: boolean;
  readonly download_info: {
    readonly url: string;
    readonly vcs_info?: { readonly vcs: string; readonly commit_id: string };
    readonly archive_info?: { readonly hashes?: Readonly<Record<string, string>> };
    readonly dir_info?: unknown;
  };
}

async function parseAnswer(text: string): Promise<readonly Requirement[]> {
  const place = { file: 'resolution', line: 1, column: 1 };
  const parsed = await readRequirements([{ value: 'resolution.txt', place }], {
    root: '/',
    read: async (path) => (path === 'resolution.txt' ? Buffer.from(text) : undefined),
    env: {},
    allowOutside: true,
  });
  return parsed.requirements.filter(({ source }) => source.kind !== 'path');
}

interface Placing {
  readonly dir: string;
  readonly work: Work;
}

/** Requirement and constraint files, and copies of what they name on this machine. */
async function* inputItems({ requirements, constraints }: Question, { dir, work }: Placing): AsyncGenerator<PackItem> {
  const { root } = work.context;
  const lines: string[] = [];
  for (const [position, requirement] of requirements.entries()) {
    lines.push(requirementLine(requirement, `${dir}/local/${position}`, root));
    if (requirement.source.kind === 'path') yield* localItems(resolve(root, requirement.source.path), `local/${position}`);
  }
  for (const [position, link] of work.options.findLinks.entries()) {
    if ('path' in link) yield* localItems(resolve(root, link.path), `links/${position}`);
  }
  yield file('requirements.txt', `${lines.join('\n')}\n`);
  yield file('constraints.txt', `${constraints.map((constraint) => requirementLine(constraint, '', root)).join('\n')}\n`);
}

async function* localItems(path: string, folder: string): AsyncGenerator<PackItem> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isFile()) yield* treeItems(path, folder);
  else yield { entry: { ...common(`${folder}/${baseName(path)}`), type: 'file', mode: 0o644, size: found.size }, content: createReadStream(path) };
}

function file(path: string, text: string): PackItem {
  const content = Buffer.from(text);
  return { entry: { ...common(path), type: 'file', mode: 0o600, size: content.length }, content };
}

function common(path: string): { readonly path: string; readonly uid: 0; readonly gid: 0; readonly mtime: number } {
  return { path, uid: 0, gid: 0, mtime: FIXED_TIME };
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** With credentials: for the builder's eyes only. Hashes are left out: they are checked when a package is fetched. */
function requirementLine({ name, extras, specifiers, source, marker }: Requirement, copy: string, root: string): string {
  const label = `${name ?? ''}${extras.length === 0 ? '' : `[${extras.join(',')}]`}`;
  const tail = marker === undefined ? '' : ` ; ${canonicalMarker(marker)}`;
  const at = name === undefined ? '' : `${label} @ `;
  const part = 'subdirectory' in source && source.subdirectory !== undefined ? `#subdirectory=${source.subdirectory}` : '';
  switch (source.kind) {
    case 'index':
      return `${label}${specifiers.map(({ operator, version }) => `${operator}${version}`).join(',')}${tail}`;
    case 'url':
      return `${at}${source.url.url}${part}${tail}`;
    case 'vcs':
      return `${at}${source.vcs}+${source.url.url}${source.revision === undefined ? '' : `@${source.revision}`}${part}${tail}`;
    case 'path': {
      const target = `file://${copy}${source.form === 'archive' ? `/${baseName(resolve(root, source.path))}` : ''}${part}`;
      return name === undefined ? `${target}${extras.length === 0 ? '' : `[${extras.join(',')}]`}${tail}` : `${at}${target}${tail}`;
    }
  }
}
