import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { FIXED_TIME } from '../archive/entry.js';
import { tarOf } from '../archive/pack-tar.js';
import type { PackItem } from '../archive/pack-tar.js';
import { readTar } from '../archive/read-tar.js';
import type { Builder, Command, CommandResult } from '../builders/builder.js';
import type { Problem } from '../core/failure.js';
import { fail, Failed } from '../core/failure.js';
import type { StoredBlob } from '../store/store.js';
import { bestTag } from './choose-file.js';
import { runAndRead } from './command-output.js';
import type { IndexOptions } from './requirement.js';
import { treeItems } from './source-tree.js';
import type { Wanted } from './wanted.js';
import { subjectOf } from './wanted.js';
import { parseWheelName } from './wheel-name.js';
import type { Work } from './work.js';
import { Tail } from './zip-tail.js';

/** What is compiled: an archive in the store, a commit, or a folder on this machine. */
export type CompileInput =
  | { readonly kind: 'archive'; readonly filename: string; readonly blob: StoredBlob; readonly subdirectory?: string }
  | { readonly kind: 'git'; readonly url: string; readonly commit: string; readonly subdirectory?: string }
  | { readonly kind: 'tree'; readonly dir: string; readonly subdirectory?: string };

export interface CompiledWheel {
  readonly filename: string;
  readonly blob: StoredBlob;
  readonly tail: Tail;
}

/** Build requirements come over the network, of which a moment's failure must not cost the run. */
const TRIES = 3;
const PAUSE = 1_000;

/** Compiles one package in the builder, with build isolation. Fails with reason `compile`, with the end of the log. */
export async function compileWheel(wanted: Wanted, input: CompileInput, work: Work): Promise<CompiledWheel> {
  const { offline, emit, signal } = work.context;
  for (let failures = 1; ; failures += 1) {
    try {
      return await compileOnce(wanted, input, work);
    } catch (error) {
      if (!(error instanceof LostNetwork) || offline || failures === TRIES) throw error;
      const wait = PAUSE * 2 ** (failures - 1);
      emit({ type: 'step', subject: subjectOf(wanted), message: `its build lost the network; trying again in ${wait / 1000} s` });
      // Interrupted meanwhile: the next try says so.
      await setTimeout(wait, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** A build that may well succeed a moment later; in a fresh folder, since it may have left half a file in its own. */
class LostNetwork extends Failed {}

async function compileOnce(wanted: Wanted, input: CompileInput, work: Work): Promise<CompiledWheel> {
  const builder = await work.context.builder();
  const { subdirectory } = input;
  if (input.kind === 'tree') return build(builder, { wanted, work, stdin: tarOf(withFolders(treeItems(input.dir, 'source'))), command: buildCommand(wanted, below('source', subdirectory), work) });
  if (input.kind === 'git') return buildCommit(builder, { wanted, input, work });
  const archive = `source/${input.filename}`;
  const content = await work.context.store.readBlob(input.blob.digest);
  const stdin = tarOf([folder('source'), { entry: { ...owned(archive), type: 'file', mode: 0o644, size: input.blob.size }, content }, folder('out')]);
  const command = subdirectory === undefined ? buildCommand(wanted, archive, work) : unpackFirst(archive, { command: buildCommand(wanted, `unpacked/tree/${subdirectory}`, work), work });
  return build(builder, { wanted, work, stdin, command });
}

/** By itself, since the address may hold credentials, and what builds the package is not to find them in its environment or its parents'. */
async function buildCommit(builder: Builder, { wanted, input, work }: { readonly wanted: Wanted; readonly input: Extract<CompileInput, { kind: 'git' }>; readonly work: Work }): Promise<CompiledWheel> {
  const cwd = await builder.scratch(`compile-${wanted.name ?? 'package'}`);
  const command = gitCommand('source', input);
  const result = await builder.run({ subject: subjectOf(wanted), argv: command.argv, env: command.env, cwd, signal: work.context.signal });
  if (result.exitCode !== 0) {
    await builder.discard(cwd);
    throw await failureOf(result, { wanted, work, command });
  }
  return build(builder, { wanted, work, stdin: tarOf([folder('out')]), command: buildCommand(wanted, below('source', input.subdirectory), work), cwd });
}

interface Build {
  readonly wanted: Wanted;
  readonly work: Work;
  /** What comes into the folder. */
  readonly stdin: Readable;
  readonly command: Step;
  /** Defaults to a folder of its own. */
  readonly cwd?: string;
}

/** Runs agent/compile.sh, which removes the folder. */
async function build(builder: Builder, { wanted, work, stdin, command, cwd }: Build): Promise<CompiledWheel> {
  const { argv, env } = command;
  const running: Command = { subject: subjectOf(wanted), argv: ['sh', builder.agent('compile.sh'), ...argv], env, stdin, signal: work.context.signal, ...(cwd === undefined ? {} : { cwd }) };
  const { result, output } = await runAndRead(builder, running, (tar) => takeWheel(tar, wanted, work));
  if (result.exitCode !== 0) throw await failureOf(result, { wanted, work, command });
  return output ?? odd(wanted, 'made no wheel');
}

async function* withFolders(items: AsyncIterable<PackItem>): AsyncGenerator<PackItem> {
  yield folder('source');
  yield folder('out');
  const made = new Set(['source']);
  for await (const item of items) {
    const segments = item.entry.path.split('/').slice(0, -1);
    for (let length = 1; length <= segments.length; length += 1) {
      const path = segments.slice(0, length).join('/');
      if (!made.has(path)) yield folder(path);
      made.add(path);
    }
    yield item;
  }
}

function folder(path: string): PackItem {
  return { entry: { ...owned(path), type: 'directory', mode: 0o755 } };
}

function owned(path: string): { readonly path: string; readonly uid: 0; readonly gid: 0; readonly mtime: number } {
  return { path, uid: 0, gid: 0, mtime: FIXED_TIME };
}

function below(path: string, subdirectory: string | undefined): string {
  return subdirectory === undefined ? path : `${path}/${subdirectory}`;
}

type Step = Required<Pick<Command, 'argv' | 'env'>> & { readonly shown: string };

/** The address may hold credentials, so it goes in by the environment and not by the arguments. */
function gitCommand(dir: string, { url, commit }: { readonly url: string; readonly commit: string }): Step {
  const script = [
    'set -e',
    'git init -q "$1"',
    'cd "$1"',
    'git fetch -q --depth 1 "$SOURCE_URL" "$2" || git fetch -q --tags "$SOURCE_URL" "+refs/*:refs/remotes/origin/*"',
    'git checkout -q "$2"',
    'git submodule update -q --init --recursive',
  ].join('\n');
  return { argv: ['sh', '-c', script, 'fetch', dir, commit], env: { SOURCE_URL: url, GIT_TERMINAL_PROMPT: '0' }, shown: `git fetch ${commit}` };
}

/** The archive's single top folder becomes `unpacked/tree`; then the command runs. */
function unpackFirst(archive: string, { command, work }: { readonly command: Step; readonly work: Work }): Step {
  const script = 'import os,shutil,sys; shutil.unpack_archive(sys.argv[1], "unpacked"); [top] = os.listdir("unpacked"); os.rename(os.path.join("unpacked", top), "unpacked/tree"); os.execvp(sys.argv[2], sys.argv[2:])';
  return { ...command, argv: [work.interpreter.facts.executable, '-I', '-c', script, archive, ...command.argv] };
}

/** `uv build` where the builder has uv, else `pip wheel`; both in an isolated environment with what pyproject.toml asks for. */
function buildCommand(wanted: Wanted, source: string, work: Work): Step {
  const { facts } = work.interpreter;
  const settings = wanted.configSettings.flatMap(([name, value]) => ['--config-setting', `${name}=${value}`]);
  const env = { ...indexEnvironment(work), SOURCE_DATE_EPOCH: String(FIXED_TIME), PYTHONHASHSEED: '0' };
  if (facts.uv !== undefined && wanted.globalOptions.length === 0) {
    const argv = ['uv', 'build', '--wheel', '--no-config', '--no-progress', '--python', facts.executable, ...settings, '--out-dir', 'out', `./${source}`];
    return { argv, env, shown: ['uv', 'build', '--wheel', ...settings, source].join(' ') };
  }
  if (facts.pip === undefined) {
    return fail({ reason: 'unsupported', message: `the builder has neither uv nor pip, and ${subjectOf(wanted)} has to be compiled`, advice: 'install uv or pip in the builder image' });
  }
  const globals = wanted.globalOptions.flatMap((option) => ['--global-option', option]);
  const pipSettings = wanted.configSettings.flatMap(([name, value]) => ['--config-settings', `${name}=${value}`]);
  const argv = [facts.executable, '-m', 'pip', 'wheel', '--no-deps', '--no-cache-dir', '--disable-pip-version-check', ...pipSettings, ...globals, '--wheel-dir', 'out', `./${source}`];
  return { argv, env, shown: ['pip', 'wheel', '--no-deps', ...pipSettings, ...globals, source].join(' ') };
}

/** Where build requirements come from: the same indexes as packages. In the environment, since they may hold credentials. */
export function indexEnvironment({ options, context, interpreter }: Pick<Work, 'options' | 'context' | 'interpreter'>): Readonly<Record<string, string>> {
  const links = options.findLinks.flatMap((link) => ('url' in link ? [link.url.url] : []));
  // uv does not read pip's configuration, so the builder's own index is told to it.
  const main = options.indexUrl?.url ?? interpreter.facts.index;
  return {
    ...(main === undefined ? {} : { UV_DEFAULT_INDEX: main, PIP_INDEX_URL: main }),
    ...(options.extraIndexUrls.length === 0 ? {} : extraIndexes(options)),
    ...(links.length === 0 ? {} : { UV_FIND_LINKS: links.join(' '), PIP_FIND_LINKS: links.join(' ') }),
    ...(options.noIndex ? { UV_NO_INDEX: '1', PIP_NO_INDEX: '1' } : {}),
    ...(context.offline ? { UV_OFFLINE: '1', PIP_NO_INDEX: '1' } : {}),
  };
}

function extraIndexes(options: IndexOptions): Readonly<Record<string, string>> {
  const urls = options.extraIndexUrls.map(({ url }) => url).join(' ');
  // pip treats all indexes alike; uv does so with this strategy only.
  return { UV_INDEX: urls, PIP_EXTRA_INDEX_URL: urls, UV_INDEX_STRATEGY: 'unsafe-best-match' };
}

interface Running {
  readonly wanted: Wanted;
  readonly work: Work;
  readonly command: Step;
}

async function failureOf(result: CommandResult, { wanted, work, command: { shown } }: Running): Promise<Failed> {
  const [{ compileHint }, { wasInterrupted }, { libc }] = await Promise.all([import('../builders/hints.js'), import('../builders/interruptions.js'), work.context.facts()]);
  const hint = compileHint({ tail: result.tail, exitCode: result.exitCode, libc: libc.name });
  const problem: Problem = {
    reason: 'compile',
    message: `${subjectOf(wanted)} failed to compile (exit status ${result.exitCode})`,
    ...(wanted.place === undefined ? {} : { place: wanted.place }),
    detail: [`command: ${shown}`, ...result.tail, `whole log: ${result.log}`],
    ...(hint === undefined ? {} : { advice: hint }),
  };
  return wasInterrupted(result.tail) ? new LostNetwork(problem) : new Failed(problem);
}

/** The one wheel that the command left, checked to be what was asked for. */
async function takeWheel(output: Readable, wanted: Wanted, work: Work): Promise<CompiledWheel> {
  const subject = `wheel of ${subjectOf(wanted)}`;
  let made: CompiledWheel | undefined;
  for await (const { entry, content } of readTar(output, { subject })) {
    const filename = entry.path.split('/').pop() as string;
    if (entry.type !== 'file' || !filename.endsWith('.whl')) continue;
    if (made !== undefined) odd(wanted, 'made more than one wheel');
    checkWheelName(filename, wanted, work);
    const tail = new Tail();
    const blob = await work.context.store.writeBlob(Readable.from(tee(content, tail), { highWaterMark: 1 }), { subject: filename, signal: work.context.signal });
    made = { filename, blob, tail };
  }
  return made ?? odd(wanted, 'made no wheel');
}

/** The same bytes, shown to `tail` on their way. A `data` listener would let the first ones pass before the writer is there. */
async function* tee(content: AsyncIterable<Buffer>, tail: Tail): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    tail.add(chunk);
    yield chunk;
  }
}

function checkWheelName(filename: string, wanted: Wanted, work: Work): void {
  const parsed = parseWheelName(filename);
  if (parsed === undefined) odd(wanted, `made a file that is no wheel by its name: ${filename}`);
  else if (wanted.name !== undefined && parsed.name !== wanted.name) odd(wanted, `made a wheel of another package: ${filename}`);
  else if (bestTag(parsed, work.interpreter.tags) === Infinity) odd(wanted, `made a wheel that the builder's interpreter does not take: ${filename}`);
}

function odd(wanted: Wanted, what: string): never {
  return fail({ reason: 'compile', message: `the build of ${subjectOf(wanted)} ${what}`, ...(wanted.place === undefined ? {} : { place: wanted.place }) });
}
