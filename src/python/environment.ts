import { createHash } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { FIXED_TIME } from '../archive/entry.js';
import type { Entry } from '../archive/entry.js';
import { tarOf } from '../archive/pack-tar.js';
import type { PackItem } from '../archive/pack-tar.js';
import { readTar } from '../archive/read-tar.js';
import type { Problem } from '../core/failure.js';
import { fail, Failed } from '../core/failure.js';
import type { Digest, PackageKey } from '../core/identity.js';
import { parseDigest } from '../core/identity.js';
import type { Data } from '../core/record.js';
import { compare, hashRecord } from '../core/record.js';
import { directUrl } from './direct-url.js';
import type { Obtained } from './obtain.js';
import type { Work } from './work.js';
import { emitPackage } from './work.js';

/** Part of every piece's key: to be raised with every change of what agent/install.py writes. */
const AGENT_VERSION = 1;

/** An installed package, or the empty environment: bucket `pieces`. */
export interface PieceRecord {
  readonly format: 1;
  readonly piece: Digest;
  /** Bytes. */
  readonly size: number;
  /** A blob of lines `<sha256> <path>`, sorted: what the piece holds, for finding packages that overwrite each other. */
  readonly listing: Digest;
}

export interface EnvironmentSettings {
  readonly prefix: string;
  readonly compileBytecode: boolean;
}

export interface Environment {
  readonly skeleton: PieceRecord;
  /** By package name. */
  readonly pieces: ReadonlyMap<string, PieceRecord>;
}

interface Job {
  readonly key: PackageKey;
  /** Absent for the empty environment. */
  readonly obtained?: Obtained;
  readonly out: string;
}

/** Pieces for all packages and the empty environment; those that the store lacks are made by one command in the builder. */
export async function installPackages(packages: readonly Obtained[], settings: EnvironmentSettings, work: Work): Promise<Environment> {
  const jobs: readonly Job[] = [
    { key: skeletonKey(settings, work), out: 'skeleton.tar' },
    ...packages.map((obtained, index) => ({ key: pieceKey(obtained, settings, work), obtained, out: `${index}.tar` })),
  ];
  const { store } = work.context;
  const found = new Map<PackageKey, PieceRecord>();
  await Promise.all(jobs.map(async ({ key }) => keep(found, key, (await store.getRecord('pieces', key)) as PieceRecord | undefined)));
  const missing = jobs.filter(({ key }) => !found.has(key));
  if (missing.length > 0) {
    for (const [key, piece] of await makePieces(missing, settings, work)) found.set(key, piece);
  }
  const pieceOf = ({ key }: Job): PieceRecord => found.get(key) as PieceRecord;
  const [skeleton, ...installed] = jobs;
  return {
    skeleton: pieceOf(skeleton as Job),
    pieces: new Map(installed.map((job) => [(job.obtained as Obtained).wheel.name, pieceOf(job)])),
  };
}

function keep(found: Map<PackageKey, PieceRecord>, key: PackageKey, value: PieceRecord | undefined): void {
  if (value?.format === 1 && parseDigest(value.piece) !== undefined && parseDigest(value.listing) !== undefined) found.set(key, value);
}

/** Installing depends on the wheel's bytes, where it goes, the interpreter that byte-compiles it, and our program. */
function pieceKey({ wheel, locked }: Obtained, settings: EnvironmentSettings, work: Work): PackageKey {
  return hashRecord<PackageKey>({
    format: 1,
    kind: 'python-piece',
    agent: AGENT_VERSION,
    wheel: wheel.blob,
    prefix: settings.prefix,
    compile: settings.compileBytecode,
    python: work.interpreter.record,
    directUrl: directUrl(locked.origin),
  });
}

function skeletonKey(settings: EnvironmentSettings, work: Work): PackageKey {
  return hashRecord<PackageKey>({ format: 1, kind: 'python-skeleton', agent: AGENT_VERSION, prefix: settings.prefix, builder: work.context.builderKey, python: work.interpreter.record });
}

async function makePieces(jobs: readonly Job[], settings: EnvironmentSettings, work: Work): Promise<ReadonlyMap<PackageKey, PieceRecord>> {
  const { context } = work;
  for (const { obtained } of jobs) if (obtained !== undefined) emitPackage(work, titleOf(obtained), 'installing');
  const builder = await context.builder();
  const dir = await builder.scratch('install');
  try {
    await builder.put(dir, tarOf(requestItems(jobs, { dir, settings, work })));
    const problems: Problem[] = [];
    const lines = new Lines((line) => problems.push(...outcome(line, jobs, work)));
    const argv = [work.interpreter.facts.executable, '-I', '-S', builder.agent('install.py'), `${dir}/request.json`];
    const result = await builder.run({ subject: `install ${work.artifact}`, argv, onStdout: (chunk) => lines.add(chunk), signal: context.signal });
    if (result.exitCode !== 0 && problems.length === 0) {
      problems.push({ reason: 'compile', message: `installing ${work.artifact} in the builder failed (exit status ${result.exitCode})`, detail: [...result.tail, `whole log: ${result.log}`] });
    }
    const made = result.exitCode > 1 ? new Map<PackageKey, PieceRecord>() : await takePieces(await builder.take(`${dir}/out`), jobs, work);
    if (problems.length > 0) throw new Failed(problems);
    const lost = jobs.find(({ key }) => !made.has(key));
    if (lost !== undefined) throw new Error(`the installer left no ${lost.out}`);
    return made;
  } finally {
    // It goes with the container at the latest: nobody has to wait for it.
    builder.discard(dir).catch(() => undefined);
  }
}

interface Request {
  readonly dir: string;
  readonly settings: EnvironmentSettings;
  readonly work: Work;
}

async function* requestItems(jobs: readonly Job[], { dir, settings, work }: Request): AsyncGenerator<PackItem> {
  yield { entry: { ...common('out', 0o755), type: 'directory' } };
  yield { entry: { ...common('wheels', 0o755), type: 'directory' } };
  const wheels = jobs.flatMap(({ obtained, out }) => (obtained === undefined ? [] : [{ obtained, out }]));
  const request = {
    prefix: settings.prefix,
    compile: settings.compileBytecode,
    jobs: work.context.jobs,
    ...(jobs.some(({ obtained }) => obtained === undefined) ? { skeleton: `${dir}/out/skeleton.tar` } : {}),
    wheels: wheels.map(({ obtained, out }) => {
      const url = directUrl(obtained.locked.origin);
      return { wheel: `${dir}/wheels/${out}.whl`, out: `${dir}/out/${out}`, name: obtained.wheel.name, ...(url === undefined ? {} : { directUrl: url }) };
    }),
  };
  const text = Buffer.from(JSON.stringify(request));
  yield { entry: { ...common('request.json', 0o644), type: 'file', size: text.length }, content: text };
  for (const { obtained, out } of wheels) {
    const content = await work.context.store.readBlob(obtained.wheel.blob);
    yield { entry: { ...common(`wheels/${out}.whl`, 0o644), type: 'file', size: obtained.wheel.size }, content };
  }
}

function common(path: string, mode: number): Pick<Entry, 'path' | 'mode' | 'uid' | 'gid' | 'mtime'> {
  return { path, mode, uid: 0, gid: 0, mtime: FIXED_TIME };
}

/** One line of the installer's report: warnings are told, errors become problems. */
function outcome(line: string, jobs: readonly Job[], work: Work): readonly Problem[] {
  const { out, ok, error, warnings = [] } = JSON.parse(line) as Outcome;
  const obtained = jobs.find((job) => out.endsWith(`/${job.out}`))?.obtained;
  const title = obtained === undefined ? 'the empty environment' : titleOf(obtained);
  if (obtained !== undefined) emitPackage(work, title, ok ? 'installed' : 'failed');
  // A wheel with many wrong rows is one warning.
  const [first, ...others] = warnings;
  if (first !== undefined) {
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    work.context.emit({ type: 'warning', problem: { reason: 'archive', message: `${title}: ${first}${more}` } });
  }
  const place = obtained === undefined ? undefined : work.places.get(obtained.wheel.name);
  const advice = 'the wheel is broken or made to do harm: take another version, or tell its publisher';
  return ok ? [] : [{ reason: 'archive', message: `${title} cannot be installed: ${error ?? 'unknown'}`, advice, ...(place === undefined ? {} : { place }) }];
}

interface Outcome {
  readonly out: string;
  readonly ok: boolean;
  readonly error?: string;
  readonly warnings?: readonly string[];
}

function titleOf({ wheel }: Obtained): string {
  return `${wheel.name} ${wheel.version}`;
}

/** Reads the tars that the builder made as we read any archive, and stores them. */
async function takePieces(tar: Awaited<ReturnType<Awaited<ReturnType<Work['context']['builder']>>['take']>>, jobs: readonly Job[], work: Work): Promise<Map<PackageKey, PieceRecord>> {
  const byOut = new Map(jobs.map((job) => [job.out, job]));
  const made = new Map<PackageKey, PieceRecord>();
  for await (const { entry, content } of readTar(tar, { subject: 'installed packages', limits: { bytes: Number.MAX_SAFE_INTEGER } })) {
    const job = byOut.get(entry.path.slice(entry.path.lastIndexOf('/') + 1));
    if (entry.type !== 'file' || job === undefined) continue;
    made.set(job.key, await storePiece(content, job, work));
  }
  return made;
}

async function storePiece(content: NodeJS.ReadableStream, job: Job, work: Work): Promise<PieceRecord> {
  const { store, signal } = work.context;
  const subject = job.obtained === undefined ? 'the empty environment' : titleOf(job.obtained);
  const [forStore, forReading] = [new PassThrough({ highWaterMark: 1 << 20 }), new PassThrough({ highWaterMark: 1 << 20 })];
  content.pipe(forStore);
  content.pipe(forReading);
  content.on('error', (error) => (forStore.destroy(error as Error), forReading.destroy(error as Error)));
  const [blob, lines] = await Promise.all([store.writeBlob(forStore, { subject: `piece of ${subject}`, signal }), listing(forReading, subject)]);
  const list = await store.writeBlob(Buffer.from(lines.join('\n')), { subject: `listing of ${subject}` });
  const record: PieceRecord = { format: 1, piece: blob.digest, size: blob.size, listing: list.digest };
  await store.putRecord('pieces', job.key, record as unknown as Data, { blobs: [blob.digest, list.digest] });
  return record;
}

/** Links of the skeleton lead to the interpreter, which is outside the tree. */
async function listing(piece: PassThrough, subject: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { entry, content } of readTar(piece, { subject: `piece of ${subject}`, links: 'keep', duplicates: 'refuse' })) {
    if (entry.type === 'hardlink') fail({ reason: 'archive', message: `the piece of ${subject} has a hard link` });
    if (entry.type === 'symlink') lines.push(`${createHash('sha256').update(entry.target).digest('hex')} ${entry.path}`);
    if (entry.type !== 'file') continue;
    const hash = createHash('sha256').update(entry.mode.toString(8));
    for await (const chunk of content) hash.update(chunk as Buffer);
    lines.push(`${hash.digest('hex')} ${entry.path}`);
  }
  return lines.sort((a, b) => compare(a.slice(65), b.slice(65)));
}

/** Splits a stream into lines of JSON as they come. */
class Lines {
  #text = '';

  constructor(private readonly onLine: (line: string) => void) {}

  add(chunk: Buffer): void {
    const lines = (this.#text + chunk.toString('latin1')).split('\n');
    this.#text = lines.pop() as string;
    for (const line of lines) if (line.startsWith('{')) this.onLine(line);
  }
}
