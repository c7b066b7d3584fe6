import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Part } from '../../../src/artifact/artifact.js';
import { listPiece } from '../../../src/artifact/listing.js';
import { FIXED_TIME } from '../../../src/archive/entry.js';
import { Readable } from 'node:stream';
import { tarOf } from '../../../src/archive/pack-tar.js';
import type { PackItem } from '../../../src/archive/pack-tar.js';
import type { Builder, Command, CommandResult, Exchange } from '../../../src/builders/builder.js';
import type { Event } from '../../../src/core/events.js';
import { Failed } from '../../../src/core/failure.js';
import type { PackageKey } from '../../../src/core/identity.js';
import { createInstaller } from '../../../src/python/environment.js';
import type { Installer } from '../../../src/python/installation.js';
import { groupOf, spreadOf } from '../../../src/artifact/spread.js';
import type { Obtained } from '../../../src/python/obtained.js';
import type { Origin } from '../../../src/python/lock.js';
import type { Work } from '../../../src/python/work.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { groupedNames } from '../../support/grouped-names.js';

const PLACE = { file: 'requirements.txt', line: 3, column: 1 };
const PREFIX = '/opt/venv';

let store: MemoryStore;
let agent: ScriptedAgent;
let events: Event[];
/** Where wheels and pieces go by files. */
let shared: SharedFiles | undefined;

beforeEach(() => {
  store = new MemoryStore();
  agent = new ScriptedAgent();
  events = [];
  shared = undefined;
});

/** What it was asked for, and how it answers: in the order asked unless a package is held. */
class ScriptedAgent {
  /** Of each run, the names of packages; '' is the empty environment. */
  readonly runs: string[][] = [];
  readonly bad = new Map<string, string>();
  readonly warnings = new Map<string, readonly string[]>();
  readonly held = new Map<string, Promise<void>>();
  /** The run ends with status 1 before it answers this one. */
  dies: string | undefined;
  /** Bytes that are written at once, many times without waiting. */
  chunk = Infinity;
  /** Starting fails so many times. */
  refusals = 0;

  async run(command: Command): Promise<CommandResult> {
    const asked: string[] = [];
    this.runs.push(asked);
    const write = async (items: readonly PackItem[]): Promise<void> => {
      for await (const chunk of withoutEnd(items)) {
        const size = Math.min(this.chunk, chunk.length);
        const parts = Array.from({ length: Math.ceil(chunk.length / size) }, (_, index) => chunk.subarray(index * size, (index + 1) * size));
        await Promise.all(parts.map((part) => command.onStdout?.(part)));
      }
    };
    const answers: Promise<void>[] = [];
    for await (const { out, name = '', size } of requests(command.stdin as AsyncIterable<Buffer>)) {
      asked.push(name);
      if (name === this.dies) return { exitCode: 1, tail: ['Traceback: out of luck'], log: '/logs/install' };
      answers.push((this.held.get(name) ?? Promise.resolve()).then(() => write(this.answer({ out, name, size }))));
    }
    await Promise.all(answers);
    await command.onStdout?.(Buffer.alloc(1024));
    return { exitCode: 0, tail: [], log: '/logs/install' };
  }

  private answer({ out, name, size }: { out: string; name: string; size: number }): readonly PackItem[] {
    const error = this.bad.get(name);
    if (shared !== undefined) {
      const piece = pieceOf(name, shared.files.get(`${out}.whl`)?.length ?? 0);
      shared.files.delete(`${out}.whl`);
      shared.files.set(`${out}.tar`, piece);
      return [item(`${out}.json`, JSON.stringify({ ok: true, warnings: [], size: piece.length }))];
    }
    const outcome = item(`${out}.json`, JSON.stringify(error === undefined ? { ok: true, warnings: this.warnings.get(name) ?? [] } : { ok: false, error }));
    return error === undefined ? [outcome, item(`${out}.tar`, pieceOf(name, size))] : [outcome];
  }
}

/** A folder that both see. */
class SharedFiles implements Exchange {
  readonly inside = '/shared/run-';
  readonly files = new Map<string, Buffer>();
  /** What is put is there only then. */
  readonly held = new Map<string, Promise<void>>();
  /** Pieces that are not taken before. */
  taking: Promise<void> | undefined;
  lost = false;

  async put(name: string, content: Readable): Promise<void> {
    const bytes = Buffer.concat((await content.toArray()) as Buffer[]);
    await this.held.get(bytes.toString());
    this.files.set(name, bytes);
  }

  async take<T>(name: string, size: number, read: (bytes: AsyncIterable<Buffer>) => Promise<T>): Promise<T> {
    await this.taking;
    const bytes = this.files.get(name)!;
    if (this.lost) throw new Failed({ reason: 'engine', message: `what the builder left in ${name} is gone` });
    expect(bytes).toHaveLength(size);
    this.files.delete(name);
    return read(Readable.from([bytes]));
  }

  async discard(name: string): Promise<void> {
    this.files.delete(name);
  }
}

interface Asked {
  readonly out: string;
  readonly name?: string;
  readonly size: number;
}

/** The requests of agent/install.py's protocol, the settings left out. */
async function* requests(input: AsyncIterable<Buffer>): AsyncGenerator<Asked> {
  let held = Buffer.alloc(0);
  let settings = true;
  for await (const chunk of input) {
    held = Buffer.concat([held, chunk]);
    for (let end = held.indexOf('\n'); end !== -1; end = held.indexOf('\n')) {
      const line = held.toString('utf8', 0, end);
      if (settings) {
        expect(JSON.parse(line)).toEqual({ prefix: PREFIX, compile: true, jobs: 2, ...(shared === undefined ? {} : { files: shared.inside }) });
        settings = false;
        held = held.subarray(end + 1);
        continue;
      }
      const space = line.indexOf(' ');
      const size = Number(line.slice(0, space));
      if (held.length < end + 1 + size) break;
      held = held.subarray(end + 1 + size);
      yield { ...(JSON.parse(line.slice(space + 1)) as Omit<Asked, 'size'>), size };
    }
  }
  expect(held).toHaveLength(0);
}

const item = (path: string, content: string | Buffer): PackItem => {
  const bytes = Buffer.from(content);
  return { entry: { path, type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: FIXED_TIME, size: bytes.length }, content: bytes };
};

async function bytesOf(items: readonly PackItem[]): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of tarOf(items)) parts.push(chunk as Buffer);
  return Buffer.concat(parts);
}

/** A tar that goes on. */
async function* withoutEnd(items: readonly PackItem[]): AsyncGenerator<Buffer> {
  const all = await bytesOf(items);
  yield all.subarray(0, all.length - 1024);
}

const pieces = new Map<string, Buffer>();
function pieceOf(name: string, size: number): Buffer {
  return pieces.get(`${name} ${size}`) ?? Buffer.alloc(1024);
}

async function obtained(name: string, content = `wheel of ${name}`): Promise<Obtained> {
  const blob = await store.writeBlob(Buffer.from(content));
  pieces.set(`${name} ${content.length}`, await bytesOf([item(`lib/${name}.py`, name)]));
  return {
    key: name as PackageKey,
    wheel: { format: 1, blob: blob.digest, size: blob.size, filename: `${name}-1-py3-none-any.whl`, name, version: '1', metadata: '' },
    locked: { name, version: '1', origin: { kind: 'archive', format: 'wheel', sha256: 'x' } as unknown as Origin, configSettings: [], globalOptions: [], resolved: false },
  };
}

function installer(packages = 1, onParts?: (parts: readonly Part[]) => void): Installer {
  const builder = { agent: (name: string) => `/agent/${name}`, exchange: () => shared, run: (command: Command) => agent.run(command) } as unknown as Builder;
  const context = {
    store,
    signal: new AbortController().signal,
    jobs: 2,
    builderKey: 'b',
    ...(onParts === undefined ? {} : { onParts }),
    emit: (event: Event) => events.push(event),
    builder: () => (agent.refusals-- > 0 ? Promise.reject(new Failed({ reason: 'engine', message: 'no engine' })) : Promise.resolve(builder)),
  };
  const work = { artifact: 'python', context, interpreter: { record: {}, facts: { executable: '/usr/bin/python3' } }, places: new Map([['bad', PLACE]]), rank: (name: string, isHeavy: boolean) => (isHeavy ? 2.5 : groupOf(name, spreadOf(packages))) } as unknown as Work;
  return createInstaller({ settings: { prefix: PREFIX, compileBytecode: true }, work });
}

const states = (state: string): readonly string[] => events.flatMap((event) => (event.type === 'package' && event.state === state ? [event.package] : []));

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('installation beside fetching', () => {
  test('a package is made while others are not there yet, by one run of the agent', async () => {
    const install = installer();
    const [one, two] = [await obtained('one'), await obtained('two')];
    install.begin(one);
    await until(() => states('installed').includes('one 1'));
    install.begin(two);
    const environment = await install.environment([one, two]);
    expect([...environment.pieces.keys()]).toEqual(['one', 'two']);
    expect(agent.runs).toEqual([['', 'one', 'two']]);
    const { piece, size } = environment.pieces.get('two')!;
    // Known from its way into the store: nothing reads it again.
    expect((await store.getRecord('pieces', `listing-${piece}`))).toEqual({ format: 1, entries: await listPiece({ at: '', piece, size }, store) });
    expect((await listPiece({ at: '', piece, size }, store)).map(([type, path]) => `${type} ${path}`)).toContain('file lib/two.py');
  });

  test('what the store has is not made again, and nothing is started for it', async () => {
    const one = await obtained('one');
    const first = await installer().environment([one]);
    expect(await installer().environment([one])).toEqual(first);
    expect(agent.runs).toHaveLength(1);
  });

  test('one that is slow holds up nobody', async () => {
    const install = installer();
    const [slow, quick] = [await obtained('slow'), await obtained('quick')];
    const { opened, open } = gate();
    agent.held.set('slow', opened);
    const made = install.environment([slow, quick]);
    await until(() => states('installed').includes('quick 1'));
    expect(states('installed')).toEqual(['quick 1']);
    open();
    expect([...(await made).pieces.keys()]).toEqual(['slow', 'quick']);
  });

  test('an agent that says much at once is waited for by one listener', async () => {
    const warned: string[] = [];
    const note = (warning: Error): void => void warned.push(warning.name);
    process.on('warning', note);
    agent.chunk = 64;
    const one = await obtained('one', 'x'.repeat(10_000));
    pieces.set('one 10000', await bytesOf(Array.from({ length: 50 }, (_, index) => item(`lib/${index}.py`, 'y'.repeat(700)))));
    expect([...(await installer().environment([one])).pieces.keys()]).toEqual(['one']);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    expect(warned).toEqual([]);
  });

  test('started before the first package, and ended without any', async () => {
    const install = installer();
    install.prepare();
    await until(() => agent.runs.length === 1);
    await install.finish();
    expect(agent.runs).toEqual([[]]);
  });
});

describe('through files', () => {
  /** Of one rank, so the bigger comes first. */
  const numbered = (count: number): Promise<Obtained[]> => Promise.all(Array.from({ length: count }, (_, index) => obtained(`p${index}`, 'x'.repeat(100 - index))));

  test('a wheel that is slowly put there, and a piece that is slowly taken, hold up nobody; nothing is left there', async () => {
    shared = new SharedFiles();
    const [slow, one, two] = [await obtained('slow', 'long '.repeat(30)), await obtained('one'), await obtained('two')];
    const put = gate();
    shared.held.set('long '.repeat(30), put.opened);
    const made = installer().environment([slow, one, two]);
    await until(() => states('installed').length === 2);
    expect(agent.runs).toEqual([['', 'one', 'two']]);
    const taken = gate();
    shared.taking = taken.opened;
    put.open();
    await until(() => agent.runs[0]!.includes('slow'));
    taken.open();
    expect([...(await made).pieces.keys()]).toEqual(['slow', 'one', 'two']);
    expect([...shared.files.keys()]).toEqual([]);
  });

  test('of what is not answered there are six at most; what is more urgent comes before the others', async () => {
    shared = new SharedFiles();
    const { opened, open } = gate();
    shared.taking = opened;
    const install = installer();
    const packages = await numbered(20);
    packages.slice(1).forEach(install.begin);
    await until(() => agent.runs[0]?.length === 6);
    install.begin(packages[0]!);
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(agent.runs).toEqual([['', 'p1', 'p2', 'p3', 'p4', 'p5']]);
    open();
    await install.finish();
    expect(agent.runs[0]!.slice(6, 8)).toEqual(['p0', 'p6']);
    expect([...(await install.environment(packages)).pieces.keys()]).toHaveLength(20);
  });

  test('a piece that can not be taken is the end of the run, with that error', async () => {
    shared = new SharedFiles();
    shared.lost = true;
    const made = installer().environment(await numbered(3));
    await expect(made).rejects.toMatchObject({ problems: [{ reason: 'engine', message: expect.stringMatching(/^what the builder left in \d+\.tar is gone$/) }] });
  });

  test('a corrupt wheel of the store fails alone', async () => {
    shared = new SharedFiles();
    const [broken, fine] = [await obtained('broken'), await obtained('fine')];
    store.blobs.set(broken.wheel.blob, Buffer.from('other bytes of it'));
    await expect(installer().environment([broken, fine])).rejects.toThrow();
    expect(states('installed')).toContain('fine 1');
    expect([...shared.files.keys()]).toEqual([]);
  });
});

describe('failures', () => {
  test('a bad wheel is told with its place, the others are made, and it is not tried twice', async () => {
    agent.bad.set('bad', 'it is broken');
    agent.warnings.set('good', ['one', 'two', 'three']);
    const install = installer();
    const [bad, good] = [await obtained('bad'), await obtained('good')];
    install.begin(bad);
    install.begin(good);
    await install.finish();
    const failure: unknown = await install.environment([bad, good]).catch((error: unknown) => error);
    expect(failure).toMatchObject({ problems: [{ reason: 'archive', message: 'bad 1 cannot be installed: it is broken', place: PLACE }] });
    expect([states('installed'), states('failed')]).toEqual([['good 1'], ['bad 1']]);
    expect(agent.runs).toEqual([['', 'good', 'bad']]);
    expect(events).toContainEqual({ type: 'warning', problem: { reason: 'archive', message: 'good 1: one and 2 more' } });
  });

  test('an agent that ends early fails what it left, with the end of its log; asked for again it is made', async () => {
    const install = installer();
    const [one, two] = [await obtained('one'), await obtained('two')];
    agent.dies = 'two';
    install.begin(one);
    install.begin(two);
    await install.finish();
    agent.dies = undefined;
    expect([...(await install.environment([one, two])).pieces.keys()]).toEqual(['one', 'two']);
    agent.dies = 'three';
    await expect(install.environment([await obtained('three')])).rejects.toMatchObject({
      problems: [{ reason: 'compile', message: 'installing python in the builder failed (exit status 1)', detail: ['Traceback: out of luck', 'whole log: /logs/install'] }],
    });
  });

  test('a builder that does not start fails nobody who only prepared for it', async () => {
    agent.refusals = 1;
    const install = installer();
    install.prepare();
    await until(() => agent.refusals === 0);
    await new Promise((resolve) => setImmediate(resolve));
    expect([...(await install.environment([await obtained('one')])).pieces.keys()]).toEqual(['one']);
    agent.refusals = 1;
    await expect(installer().environment([await obtained('two')])).rejects.toMatchObject({ problems: [{ reason: 'engine', message: 'no engine' }] });
  });

  test('a corrupt wheel of the store fails alone', async () => {
    const install = installer();
    const [broken, fine] = [await obtained('broken'), await obtained('fine')];
    store.blobs.set(broken.wheel.blob, Buffer.from('other bytes of it'));
    const made = install.environment([broken, fine]);
    await expect(made).rejects.toThrow();
    expect(states('installed')).toContain('fine 1');
  });
});

test('parts are told group by group, the lowest first, whatever order they are made in', async () => {
  const packages = await Promise.all(groupedNames('package-').map((name) => obtained(name)));
  const { opened, open } = gate();
  for (const { wheel } of packages.filter((_, index) => index % 3 === 0)) agent.held.set(wheel.name, opened);
  const told: (readonly Part[])[] = [];
  const install = installer(packages.length, (parts) => told.push(parts));
  install.expect(packages.map(({ wheel }) => wheel.name));
  const made = install.environment(packages);
  await until(() => states('installed').length === 26);
  open();
  const { pieces: all } = await made;
  expect(told).toHaveLength(8);
  expect(told.flat().map(({ package: name }) => name).sort()).toEqual(packages.map(({ wheel }) => `${wheel.name} 1`).sort());
  for (const { package: name, piece, at } of told.flat()) expect([at, piece]).toEqual([PREFIX, all.get(name!.slice(0, -2))!.piece]);
  told.forEach((parts, group) => expect(parts.every(({ package: name }) => groupOf(name!, 8) === group)).toBe(true));
  expect(agent.runs[0]?.slice(1).map((name) => groupOf(`${name} 1`, 8))).toEqual([...told.flat()].map(({ package: name }) => groupOf(name!, 8)));
});

test('heavy ones are installed and told of early, as soon as the others are there too', async () => {
  const names = groupedNames('package-');
  const last = names.at(-1)!;
  const packages = await Promise.all(names.map((name) => obtained(name, name === last ? 'x'.repeat(5 * 1024 * 1024) : undefined)));
  const told: (readonly Part[])[] = [];
  const install = installer(packages.length, (parts) => told.push(parts));
  const { opened, open } = gate();
  agent.held.set('', opened);
  install.expect(names);
  packages.forEach(install.begin);
  const made = install.environment(packages);
  open();
  await made;
  expect(told[3]!.map(({ package: name, heavy }) => [name, heavy])).toEqual([[`${last} 1`, true]]);
  expect(told.flat()).toHaveLength(40);
  const order = agent.runs.flat().filter((name) => name !== '');
  expect(order.slice(order.indexOf(last) + 1).every((name) => groupOf(`${name} 1`, 8) >= 3)).toBe(true);
});

test.each([[5, 8], [0, 5]])('parts are told of while the set is still planned; a package that comes to it later, of group %d, is waited for if its turn has not come', async (group, groups) => {
  const packages = await Promise.all(groupedNames('package-').map((name) => obtained(name)));
  const added = await obtained(Array.from({ length: 1000 }, (_, index) => `late-${index}`).find((name) => groupOf(name, 8) === group)!);
  const names = (all: readonly Obtained[]): readonly string[] => all.map(({ wheel }) => wheel.name);
  const told: (readonly Part[])[] = [];
  const install = installer(packages.length, (parts) => told.push(parts));
  install.expect(names(packages));
  const isHeld = ({ wheel }: Obtained): boolean => groupOf(wheel.name, 8) >= 5;
  const { opened, open } = gate();
  for (const { wheel } of packages.filter(isHeld)) agent.held.set(wheel.name, opened);
  packages.forEach(install.begin);
  await until(() => told.length === 5);
  install.expect(names([...packages, added]));
  open();
  await install.environment([...packages, added]);
  expect(told).toHaveLength(groups);
  const expected = groups === 8 ? names([...packages, added]) : names(packages.filter((one) => !isHeld(one)));
  expect(told.flat().map(({ package: name }) => name!.slice(0, -2)).sort()).toEqual([...expected].sort());
});
