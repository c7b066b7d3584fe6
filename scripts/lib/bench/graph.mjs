// A generated checkout of 200 images in 6 levels with 20,000 files: nothing to do, one leaf changed, the root changed;
// beside `docker buildx bake` with the same graph, on the same engine (the newer one of scripts/second-engine), in turn.
// Three of four Dockerfiles only COPY, one of four has a RUN step: it always goes to the engine's builder.
import { execFileSync, spawnSync } from 'node:child_process';
import { artifacts, cli, existsSync, join, median, mkdirSync, readFileSync, rmSync, root, runs, s, tableHead, tableRow, temporary, writeFileSync, x } from './tools.mjs';

const IMAGES = 200;
const LEVELS = 6;
const FILES = 100;
/** One of so many images has a RUN step. */
const RUNS_EVERY = 4;
const BASE = 'debian:trixie-slim';
/** Bakes of so many targets now and then end with `no such job`, the builder's own time-out: so often one is begun again. */
const TRIES = 3;
const SECOND = process.env.WHEELWRIGHT_SECOND_ROOT ?? '/var/lib/wheelwright-test';
const BUILDX = join(SECOND, 'root/usr/libexec/docker/cli-plugins/docker-buildx');

export async function graph() {
  execFileSync(join(root, 'scripts/second-engine'), ['start', 'graphdriver'], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (!existsSync(BUILDX)) throw new Error(`bench: no buildx at ${BUILDX}`);
  const here = process.env.DOCKER_HOST;
  process.env.DOCKER_HOST = `unix://${SECOND}/graphdriver/docker.sock`;
  ensureBase();
  const folder = temporary('graph');
  try {
    const images = generate(folder);
    git(folder, 'init', '-q');
    git(folder, 'add', '.');
    git(folder, 'commit', '-qm', 'generated');
    const leaf = images.at(-1).name;
    let edits = 0;
    const edit = (name) => writeFileSync(join(folder, name, 'file-0'), `edited ${(edits += 1)}`);
    const thin = images.filter(({ ran }) => !ran).length;
    tableHead(
      `${IMAGES} images in ${LEVELS} levels, ${IMAGES * FILES} files; ${thin} Dockerfiles only COPY, ${IMAGES - thin} have a RUN step (medians; bake writes no tags of revision or branch; a bake that the builder gave up with "no such job" is begun again, ${TRIES} times at most, and all its tries count)`,
      ['work', 'artifacts images', 'docker buildx bake', 'artifacts / bake', 'images built by us', 'at once at most', 'bakes: tries, given up'],
    );
    tableRow(row(`cold: ${IMAGES} built`, () => undefined, folder, 1, images));
    tableRow(row('nothing to do', () => undefined, folder, runs, []));
    // Before later rows leave thousands of images, which the engine takes long to list.
    const plan = times(runs, () => run(cli, ['--json', '--quiet', '--namespace', 'bench', 'images', '--plan'], folder));
    tableRow(['plan with nothing to do', s(median(plan)), '–', '–', '–', '–', '–']);
    tableRow(row('one leaf changed', () => edit(leaf), folder, runs, images.slice(-1)));
    tableRow(row('the root changed', () => edit(images[0].name), folder, Math.min(runs, 3), images));
  } finally {
    removeImages();
    if (here === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = here;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Each round: the edit, then both in turn; the one that goes first changes from round to round. */
function row(title, change, folder, rounds, expected) {
  const ours = [];
  const theirs = [];
  let tries = 0;
  let gaveUp = 0;
  let most = 0;
  const us = () => {
    const events = join(folder, '.events');
    rmSync(events, { force: true });
    const { seconds, result } = artifacts(['--namespace', 'bench', '--events', events, 'images'], folder);
    const built = result.images.filter((image) => image.status === 'built');
    if (built.length !== expected.length) throw new Error(`${title}: built ${built.length} images, not ${expected.length}`);
    most = Math.max(most, mostAtOnce(title, readFileSync(events, 'utf8'), expected));
    if (expected.length > 1) checkLayers(title, expected);
    ours.push(seconds);
  };
  const bake = () => {
    const started = performance.now();
    const tried = baking(folder);
    tries += tried.tries;
    if (tried.done) theirs.push((performance.now() - started) / 1000);
    else gaveUp += 1;
  };
  for (let round = 0; round < rounds; round += 1) {
    change();
    for (const one of round % 2 === 0 ? [us, bake] : [bake, us]) one();
  }
  const bakes = theirs.length === 0 ? ['never done', '–'] : [s(median(theirs)), x(median(ours) / median(theirs))];
  return [title, s(median(ours)), ...bakes, expected.length, most, `${tries}, ${gaveUp} of ${rounds}`];
}

/** How many images were begun and not yet done at the same time; fails if one was begun before what it is built FROM. */
function mostAtOnce(title, text, expected) {
  const parents = new Map(expected.map(({ name, parent }) => [name, parent]));
  const begun = new Set();
  let running = 0;
  let most = 0;
  for (const line of text.split('\n').filter(Boolean)) {
    const { type, name, state } = JSON.parse(line);
    if (type !== 'image') continue;
    if (state === 'started') {
      const parent = parents.get(name);
      if (parents.has(parent) && !begun.has(parent)) throw new Error(`${title}: ${name} began before ${parent}`);
      begun.add(name);
      most = Math.max(most, (running += 1));
    }
    if (state === 'built') running -= 1;
  }
  return most;
}

/** Each image has the layers of the one that it is built FROM below its own. */
function checkLayers(title, images) {
  const references = images.map(({ name }) => `bench/${name}:latest`);
  const layers = new Map();
  for (let at = 0; at < references.length; at += 50) {
    const part = images.slice(at, at + 50);
    const told = spawnSync('docker', ['image', 'inspect', '--format', '{{json .RootFS.Layers}}', ...references.slice(at, at + 50)], { encoding: 'utf8', maxBuffer: 1 << 28 }).stdout.trim().split('\n');
    part.forEach(({ name }, index) => layers.set(name, JSON.parse(told[index])));
  }
  for (const { name, parent } of images) {
    if (parent !== undefined && !layers.get(parent).every((layer, index) => layer === layers.get(name)[index])) throw new Error(`${title}: ${name} is not built from ${parent} as it is`);
  }
}

/** How often it was tried, and whether it was done in the end. */
function baking(folder) {
  for (let tries = 1; ; tries += 1) {
    try {
      run(BUILDX, ['bake', '--progress=quiet', '-f', 'docker-bake.json'], folder);
      return { tries, done: true };
    } catch (error) {
      if (!String(error).includes('no such job')) throw error;
      if (tries === TRIES) return { tries, done: false };
    }
  }
}

/** The newer engine has its own images. */
function ensureBase() {
  if (spawnSync('docker', ['image', 'inspect', BASE]).status === 0) return;
  const archive = spawnSync('docker', ['--host', 'unix:///var/run/docker.sock', 'save', BASE], { maxBuffer: 1 << 30 });
  if (archive.status !== 0) throw new Error(`docker save ${BASE}: ${archive.stderr}`);
  const loaded = spawnSync('docker', ['load', '--quiet'], { input: archive.stdout });
  if (loaded.status !== 0) throw new Error(`docker load ${BASE}: ${loaded.stderr}`);
}

function removeImages() {
  const references = ['bench/*', 'bake/*'].flatMap((pattern) => spawnSync('docker', ['images', '--format', '{{.Repository}}:{{.Tag}}', pattern], { encoding: 'utf8', maxBuffer: 1 << 28 }).stdout.split('\n').filter(Boolean));
  for (let at = 0; at < references.length; at += 200) spawnSync('docker', ['rmi', ...references.slice(at, at + 200)], { maxBuffer: 1 << 28 });
}

function generate(folder) {
  const perLevel = Math.ceil((IMAGES - 1) / (LEVELS - 1));
  // Contents are new in each run of the benchmark: images of an earlier one would be present.
  const images = [{ name: 'image-0', level: 0, ran: false }];
  for (let index = 1; index < IMAGES; index += 1) {
    const level = Math.min(LEVELS - 1, 1 + Math.floor((index - 1) / perLevel));
    const above = images.filter((image) => image.level === level - 1);
    images.push({ name: `image-${index}`, level, parent: above[index % above.length].name, ran: index % RUNS_EVERY === 1 });
  }
  const targets = {};
  for (const { name, parent, ran } of images) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'Dockerfile'), `FROM ${parent === undefined ? BASE : `bench/${parent}`}\nCOPY . /${name}/\n${ran ? `RUN cat /${name}/* > /${name}.all\n` : ''}`);
    for (let file = 0; file < FILES; file += 1) writeFileSync(join(folder, name, `file-${file}`), `${name} ${file} ${process.pid}\n`.repeat(20));
    targets[name] = { context: name, tags: [`bake/${name}`], ...(parent === undefined ? {} : { contexts: { [`bench/${parent}`]: `target:${parent}` } }) };
  }
  writeFileSync(join(folder, 'docker-bake.json'), JSON.stringify({ group: { default: { targets: images.map((image) => image.name) } }, target: targets }));
  return images;
}

function times(count, work) {
  return Array.from({ length: count }, () => {
    const started = performance.now();
    work();
    return (performance.now() - started) / 1000;
  });
}

function run(program, args, cwd) {
  const ran = spawnSync(program, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (ran.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${ran.stderr}`);
}

function git(folder, ...args) {
  run('git', ['-c', 'gc.auto=0', '-c', 'user.name=bench', '-c', 'user.email=bench@example.com', ...args], folder);
}
