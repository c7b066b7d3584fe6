// Whole images, on the Pontoon case and on each engine: artifacts beside `docker buildx bake` with the recipes that npm, pnpm, pip and
// uv users are told to use. Contestants take turns, another one goes first in each round, and every run is a whole process.
// usage: scripts/bench images [--rows 1,2,…] [--engines 20.10,28.5,28.5-containerd] [--worlds node,python]
//   1 nothing to do          2 one source file changed     3 one npm pin changed          4 one Python pin changed
//   5 cold, empty caches, on a disk that was left alone     6 bytes that push uploads     7 bytes that a puller lacks    8 our peak memory    9 image size
// The same by environment: BENCH_ROWS, BENCH_ENGINES, BENCH_WORLDS. BENCH_RUNS: 5; BENCH_COLD_RUNS: 1. BENCH_OUT: a file for every sample.
// BENCH_DOWNLOAD=0: pins only with warm downloads. BENCH_VERBOSE=1: every run on stderr. BENCH_NPM_PACKAGE, BENCH_PYTHON_PACKAGE: what is bumped. BENCH_CLI: another dist/artifacts.
// BENCH_SMALL=1: five packages in place of Pontoon's, for work on this.
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { artifactsContestant, peerContestant } from './images/contestants.mjs';
import { api, BENCH_BUILDER, clean, ensureImages, openEngines, PREFIX } from './images/engines.mjs';
import { stop, throwIfStopped } from './images/process.mjs';
import { startRegistry } from './images/registry.mjs';
import { all, atMost, below, openReport } from './images/report.mjs';
import { WORLDS } from './images/worlds.mjs';
import { cpSync, docker, join, mkdirSync, rmSync, runs, temporary } from './tools.mjs';

const coldRuns = Number(process.env.BENCH_COLD_RUNS ?? 1);
const MEMORY = 200e6;
/**
 * ms before the first cold build. ext4 passes over every inode that was deleted within the last minute whenever it makes a file, and over those
 * of the last six minutes where their part of the inode table is not on the disk, as where other files were made there since: what was
 * cleared away before would be paid by whoever comes next, and most by who comes first.
 */
const SETTLED = 370_000;
/** ms between others, after a sync. */
const WRITTEN = 10_000;

export async function images(args = []) {
  const list = (name) => option(args, name)?.split(',').filter(Boolean);
  const rows = new Set((list('rows') ?? '1,2,3,4,5,6,7,8,9'.split(',')).map(Number));
  const worlds = (list('worlds') ?? Object.keys(WORLDS)).filter((name) => needed(name, rows));
  const folder = temporary('images');
  const run = { nonce: `${PREFIX}-${folder.slice(-6).toLowerCase()}`, folder, shared: new Map(), rows, toolbox: undefined, registry: undefined, report: undefined };
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop(new Error(`bench: ${signal}`)));
  let engines = [];
  try {
    engines = await openEngines(list('engines'));
    await ensureImages();
    run.toolbox = docker(['run', '-d', '--rm', '--init', '--label', PREFIX, BENCH_BUILDER, 'sleep', '86400']);
    run.registry = await startRegistry();
    const prepared = {};
    for (const name of worlds) prepared[name] = prepareWorld(name, run);
    run.report = openReport();
    for (const engine of engines) {
      await ensureImages(engine);
      await clean(engine, `${PREFIX}-`);
    }
    if (rows.has(5)) await settled();
    for (const engine of engines) {
      const tags = await tagCount(engine);
      if (tags > MANY_TAGS) run.report.note(`${engine.label} has ${tags} other tags; some engines write all of them anew for each that is set: remove them, or read the rows of small changes with care.`);
      for (const name of worlds) await compare(engine, prepared[name], run);
    }
    for (const name of worlds) if (prepared[name].note !== undefined) run.report.note(prepared[name].note);
    if (rows.has(3) || rows.has(4)) run.report.note(WARM);
  } finally {
    // All at the end, since what is cleared away slows down whoever builds next.
    for (const engine of engines) await clean(engine, run.nonce).catch((error) => console.error(`bench: ${engine.label} was not cleaned: ${error.message}`));
    if (run.toolbox !== undefined) docker(['rm', '-f', run.toolbox]);
    await run.registry?.close();
    for (const one of [folder, ...run.shared.values()]) rmSync(one, { recursive: true, force: true, maxRetries: 5 });
  }
}

const WARM = `Warm: the new version's package was fetched before the run, into our store (its package, not the artifact) and into the peers' cache
mounts; what else the tools ask an index is as warm as the run before left it (pip keeps downloads only where the index's answers allow it).
"With download": the first time that anybody asks for this version. Every run installs a version that was not installed before. Bytes: the sum
of request bodies that reach the registry, for all five images; "puller": config and layers of web that its previous version did not have.`;

const MANY_TAGS = 200;

async function tagCount(engine) {
  return JSON.parse((await api(engine, 'GET', '/images/json')).text).reduce((sum, { RepoTags }) => sum + (RepoTags?.length ?? 0), 0);
}

/** Rows 3 and 4 are about one world each; the others about both. */
function needed(world, rows) {
  return [...rows].some((row) => row !== (world === 'node' ? 4 : 3));
}

/** Inputs, locks of all peers, versions to change to: the same for all engines. */
function prepareWorld(name, run) {
  const world = WORLDS[name];
  const inputs = join(run.folder, name);
  mkdirSync(inputs);
  world.inputs(inputs, run.toolbox);
  const variants = world.variants(inputs, 2 * runs + 1, run.toolbox);
  const converted = join(run.folder, `${name}-converted`);
  if (world.convert) {
    cpSync(inputs, converted, { recursive: true });
    world.convert(converted, run.toolbox);
  }
  return { ...world, name, inputs, converted, warm: variants.slice(0, runs), download: variants.slice(runs, 2 * runs), next: variants.slice(-2) };
}

async function compare(engine, world, run) {
  const { rows, report } = run;
  const { contestants, cold, peak } = await coldBuilds(engine, world, run);
  const row = (work, cells, more = {}) => report.row({ engine: engine.label, work: `${work} (${world.title})`, cells, ...more });
  const turn = (work) => inTurn(contestants, work, { failed: cold });
  const note = (samples, expected) => (samples.some(({ built }) => built !== expected) ? `built by us, images: ${samples.map(({ built }) => built).join(', ')}` : undefined);
  if (rows.has(5)) row('5 cold, empty caches', secondsOf(cold), { asked: atMost(0.8, '≤ 0.8 × the best') });
  if (rows.has(9)) await sizes(engine, contestants, cold, row);
  if (rows.has(1)) {
    const cells = await turn({ rounds: runs + 1, run: (one) => one.build() });
    // The first of each fills caches of the operating system.
    row('1 nothing to do', secondsOf(cells, 1), { asked: atMost(0.6, '≤ 0.6 × bake'), note: note(ours(cells).slice(1), 0) });
  }
  if (rows.has(2)) {
    const cells = await turn({ rounds: runs, before: (one, round) => one.edit(round), run: (one) => one.build() });
    row('2 one source file → web, worker', secondsOf(cells), { asked: atMost(0.6, '≤ 0.6 × bake'), note: note(ours(cells), 3) });
  }
  const pin = world.name === 'node' ? 3 : 4;
  const askedPin = world.name === 'node' ? all(atMost(1 / 10, '≤ 1/10 npm', ['npm']), atMost(1 / 7, '≤ 1/7 pnpm', ['pnpm'])) : atMost(1 / 5, '≤ 1/5 uv', ['uv']);
  let pins;
  if (rows.has(pin) || rows.has(8)) {
    await turn({ rounds: 1, run: (one) => one.prefetch(world.warm).then(() => ({ seconds: 0 })) });
    pins = await turn({ rounds: runs, before: (one, round) => one.apply(world.warm[round]), run: (one) => one.build() });
    const fetched = ours(pins).some((sample) => sample.fetched > 0) ? 'we fetched packages: not warm' : undefined;
    if (rows.has(pin)) row(`${pin} one pin, ${world.package}, warm`, secondsOf(pins), { asked: askedPin, note: fetched ?? note(ours(pins), 4) });
  }
  if (rows.has(pin) && process.env.BENCH_DOWNLOAD !== '0') {
    const cells = await turn({ rounds: runs, before: (one, round) => one.apply(world.download[round]), run: (one) => one.build() });
    row(`${pin} one pin, with download`, secondsOf(cells));
  }
  if (rows.has(8)) {
    const limit = below(MEMORY, '≤ 200 MB');
    row('8 our peak memory, cold', { artifacts: peak }, { unit: 'bytes', asked: limit });
    row('8 our peak memory, one pin', { artifacts: ours(pins).map((sample) => sample.peak) }, { unit: 'bytes', asked: limit });
  }
  if (rows.has(6) || rows.has(7)) await pushes(world, contestants, cold, { ...run, row });
}

/** Builds with nothing there at all: stores, cache mounts, images. The last one's contestants are those of the other rows. */
async function coldBuilds(engine, world, run) {
  const names = ['artifacts', ...Object.keys(world.peers)];
  const samples = Object.fromEntries(names.map((name) => [name, []]));
  const peak = [];
  for (let time = 0; ; time += 1) {
    const folder = mkdtempSync(join(folderOf(engine, run), `${engine.name}-${world.name}-`));
    const nonce = `${run.nonce}-${folder.slice(-6).toLowerCase()}`;
    const contestants = names.map((name) => {
      const own = join(folder, name);
      cpSync(name === 'pnpm' ? world.converted : world.inputs, own, { recursive: true });
      const settings = { engine, world, folder: own, nonce, registry: run.registry.host };
      return name === 'artifacts' ? artifactsContestant(settings, join(folder, 'store')) : peerContestant(name, settings);
    });
    const cells = await inTurn(contestants, { rounds: 1, offset: time, before: run.rows.has(5) ? written : undefined, run: (one) => one.build().then((sample) => one.check().then(() => sample)) });
    for (const name of names) samples[name] = cells[name] instanceof Error ? cells[name] : [...(samples[name] instanceof Error ? [] : samples[name]), ...cells[name]];
    if (!(cells.artifacts instanceof Error)) peak.push(cells.artifacts[0].peak);
    if (time + 1 >= coldRuns) return { contestants, cold: samples, peak };
  }
}

/** Where an engine's containers can mount folders, as those of a local engine can anywhere. */
function folderOf({ name, shared }, run) {
  if (shared === undefined) return run.folder;
  if (!run.shared.has(name)) run.shared.set(name, mkdtempSync(join(shared, `${PREFIX}-`)));
  return run.shared.get(name);
}

async function settled() {
  execFileSync('sync');
  for (const end = Date.now() + SETTLED; Date.now() < end; await sleep(500)) throwIfStopped();
}

/** What the one before left unwritten would be written while the next one builds. */
async function written() {
  execFileSync('sync');
  await sleep(WRITTEN);
}

/** Each round: every contestant once, the first one another each time. Name → samples, or the Error that ended its part. */
async function inTurn(contestants, { rounds, before = () => undefined, run, offset = 0 }, { failed = {} } = {}) {
  const cells = Object.fromEntries(contestants.map(({ name }) => [name, failed[name] instanceof Error ? failed[name] : []]));
  for (let round = 0; round < rounds; round += 1) {
    const first = (round + offset) % contestants.length;
    for (const one of [...contestants.slice(first), ...contestants.slice(0, first)]) {
      if (cells[one.name] instanceof Error) continue;
      try {
        await before(one, round);
        cells[one.name].push(await run(one, round));
        if (process.env.BENCH_VERBOSE) console.error(`bench: ${one.name} ${round + 1}/${rounds}: ${cells[one.name].at(-1).seconds.toFixed(2)} s`);
      } catch (error) {
        throwIfStopped();
        cells[one.name] = error;
      }
    }
  }
  return cells;
}

const failures = (cells) => Object.fromEntries(Object.entries(cells).filter(([, samples]) => samples instanceof Error));

const ours = (cells) => (cells.artifacts instanceof Error ? [] : cells.artifacts);

function secondsOf(cells, skip = 0) {
  return Object.fromEntries(Object.entries(cells).map(([name, samples]) => [name, samples instanceof Error ? samples : samples.slice(skip).map(({ seconds }) => seconds)]));
}

/** Size of web: of its layers unpacked (docker history), and what the engine calls its size. */
async function sizes(engine, contestants, cold, row) {
  const layers = {};
  const size = {};
  for (const one of contestants) {
    if (cold[one.name] instanceof Error) continue;
    layers[one.name] = [JSON.parse((await api(engine, 'GET', `/images/${one.reference('web')}/history`)).text).reduce((sum, { Size }) => sum + Size, 0)];
    size[one.name] = [JSON.parse((await api(engine, 'GET', `/images/${one.reference('web')}/json`)).text).Size];
  }
  row('9 web, layers unpacked', layers, { unit: 'bytes', asked: atMost(1.02, '≤ 1.02 × the best') });
  row("9 web, engine's Size", size, { unit: 'bytes', asked: atMost(1.02, '≤ 1.02 × the best') });
}

/**
 * Pushes all five, moves one pin to the next version, pushes again: what went up, and what a puller of web would miss. And the same for us alone with
 * a pin that passes over versions: from the last that was installed to the one before the next.
 */
async function pushes(world, contestants, cold, { registry, row, rows, toolbox }) {
  const [before, after] = world.next;
  const { published, installed } = world.size(after, toolbox);
  const limit = below(1.5 * published + 65_536, `≤ 1.5 × ${published} B + 64 KiB`);
  const tag = 'latest';
  const counted = async (one) => {
    const sent = registry.sent;
    const sample = await one.push();
    return { ...sample, sent: registry.sent - sent, blobs: await registry.blobs(one.repository('web'), tag) };
  };
  const start = await inTurn(contestants.filter(({ name }) => name === 'artifacts'), { rounds: 1, run: counted }, { failed: cold });
  const first = await inTurn(contestants, { rounds: 1, before: (one) => one.apply(before), run: counted }, { failed: { ...cold, ...failures(start) } });
  const second = await inTurn(contestants, { rounds: 1, before: (one) => one.apply(after), run: counted }, { failed: first });
  const cells = (of) => Object.fromEntries(Object.entries(second).map(([name, samples]) => [name, samples instanceof Error ? samples : [of(samples[0], first[name][0])]]));
  const lacks = ({ blobs }, before) => [...blobs].reduce((sum, [digest, size]) => sum + (before.blobs.has(digest) ? 0 : size), 0);
  const note = `${world.package} ${before.version} → ${after.version}: published file ${published} B, installed with byte code as tar.gz ${installed} B`;
  if (rows.has(6)) row('6 push after one pin, uploaded', cells((sample) => sample.sent), { unit: 'bytes', asked: limit, note });
  if (rows.has(6)) row('6 the same, build and push', secondsOf(second));
  if (rows.has(6)) row('6 the same, over some versions', { artifacts: first.artifacts instanceof Error ? first.artifacts : ours(first).map(({ sent }) => sent) }, { unit: 'bytes' });
  if (rows.has(7)) row('7 puller of the previous web', cells(lacks), { unit: 'bytes', asked: limit, note });
  if (rows.has(8)) row('8 our peak memory, push', { artifacts: [...ours(first), ...ours(second)].map(({ peak }) => peak) }, { unit: 'bytes', asked: below(MEMORY, '≤ 200 MB') });
}

/** `--name value` or `--name=value`, else BENCH_NAME. */
function option(args, name) {
  const at = args.indexOf(`--${name}`);
  const value = at >= 0 ? args[at + 1] : args.find((one) => one.startsWith(`--${name}=`))?.slice(name.length + 3);
  return value ?? process.env[`BENCH_${name.toUpperCase()}`];
}
