// A generated checkout of 200 images in 6 levels with 20,000 files: nothing to do, one leaf changed, the root changed;
// beside `docker buildx bake` with the same graph, on the same engine (the newer one of scripts/second-engine), in turn.
import { execFileSync, spawnSync } from 'node:child_process';
import { artifacts, cli, existsSync, join, median, mkdirSync, rmSync, root, runs, s, table, temporary, writeFileSync, x } from './tools.mjs';

const IMAGES = 200;
const LEVELS = 6;
const FILES = 100;
const SECOND = process.env.WHEELWRIGHT_SECOND_ROOT ?? '/var/lib/wheelwright-test';
const BUILDX = join(SECOND, 'root/usr/libexec/docker/cli-plugins/docker-buildx');

export async function graph() {
  execFileSync(join(root, 'scripts/second-engine'), ['start', 'graphdriver'], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (!existsSync(BUILDX)) throw new Error(`bench: no buildx at ${BUILDX}`);
  process.env.DOCKER_HOST = `unix://${SECOND}/graphdriver/docker.sock`;
  const folder = temporary('graph');
  try {
    const images = generate(folder);
    git(folder, 'init', '-q');
    git(folder, 'add', '.');
    git(folder, 'commit', '-qm', 'generated');
    const leaf = images.at(-1).name;
    let edits = 0;
    const edit = (name) => writeFileSync(join(folder, name, 'file-0'), `edited ${(edits += 1)}`);
    const rows = [];
    rows.push(row('cold: 200 built', () => undefined, folder, 1, IMAGES));
    rows.push(row('nothing to do', () => undefined, folder, runs, 0));
    rows.push(row('one leaf changed', () => edit(leaf), folder, runs, 1));
    rows.push(row('the root changed', () => edit(images[0].name), folder, Math.min(runs, 3), IMAGES));
    const plan = times(runs, () => run(process.execPath, [cli, '--json', '--quiet', '--namespace', 'bench', 'images', '--plan'], folder));
    rows.push(['plan with nothing to do', s(median(plan)), '–', '–', '–']);
    table(`${IMAGES} images in ${LEVELS} levels, ${IMAGES * FILES} files (medians; bake writes no tags of revision or branch)`, ['work', 'artifacts images', 'docker buildx bake', 'artifacts / bake', 'images built by us'], rows);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Each round: the edit, then both in turn; the one that goes first changes from round to round. */
function row(title, change, folder, rounds, expected) {
  const ours = [];
  const theirs = [];
  let built;
  const us = () => {
    const { seconds, result } = artifacts(['--namespace', 'bench', 'images'], folder);
    built = result.images.filter((image) => image.status === 'built').length;
    if (built !== expected) throw new Error(`${title}: built ${built} images, not ${expected}`);
    ours.push(seconds);
  };
  const bake = () => theirs.push(times(1, () => run(BUILDX, ['bake', '--progress=quiet', '-f', 'docker-bake.json'], folder))[0]);
  for (let round = 0; round < rounds; round += 1) {
    change();
    for (const one of round % 2 === 0 ? [us, bake] : [bake, us]) one();
  }
  return [title, s(median(ours)), s(median(theirs)), x(median(ours) / median(theirs)), built];
}

function generate(folder) {
  const perLevel = Math.ceil((IMAGES - 1) / (LEVELS - 1));
  // Contents are new in each run of the benchmark: images of an earlier one would be present.
  const images = [{ name: 'image-0', level: 0 }];
  for (let index = 1; index < IMAGES; index += 1) {
    const level = Math.min(LEVELS - 1, 1 + Math.floor((index - 1) / perLevel));
    const above = images.filter((image) => image.level === level - 1);
    images.push({ name: `image-${index}`, level, parent: above[index % above.length].name });
  }
  const targets = {};
  for (const { name, parent } of images) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'Dockerfile'), `FROM ${parent === undefined ? 'scratch' : `bench/${parent}`}\nCOPY . /${name}/\n`);
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
