// Published versions of one package that could stand in the lock instead of the locked one: what a bump of a pin is made of.
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { docker, join, readFileSync, writeFileSync } from '../tools.mjs';

export const NPM_PACKAGE = process.env.BENCH_NPM_PACKAGE ?? 'electron-to-chromium';
export const PYTHON_PACKAGE = process.env.BENCH_PYTHON_PACKAGE ?? 'urllib3';

/** `{ version, integrity }` of versions that every dependent in the lock accepts. The package must not depend on others. */
export function npmVariants(folder, count) {
  const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
  const { version: locked } = packages[`node_modules/${NPM_PACKAGE}`];
  const ranges = new Set(Object.values(packages).flatMap((one) => [one.dependencies, one.devDependencies, one.peerDependencies].map((list) => list?.[NPM_PACKAGE])).filter(Boolean));
  if (ranges.size !== 1) throw new Error(`bench: ${NPM_PACKAGE} has ${ranges.size} ranges in the lock; BENCH_NPM_PACKAGE must name one with a single range`);
  const text = execFileSync('npm', ['view', `${NPM_PACKAGE}@${[...ranges][0]}`, 'version', 'dist.integrity', '--json'], { cwd: tmpdir(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const all = [JSON.parse(text)].flat().map((one) => ({ version: one.version, integrity: one['dist.integrity'] }));
  return enough(NPM_PACKAGE, all.filter(({ version, integrity }) => version !== locked && /^[\d.]+$/.test(version) && integrity?.startsWith('sha512-')), count);
}

/** `{ version, text }`: the requirement with its hashes, in the words of uv; versions of the same major number as the pinned one. */
export function pythonVariants(folder, count, toolbox) {
  const pinned = new RegExp(`^${PYTHON_PACKAGE}==(\\S+)`, 'm').exec(readFileSync(join(folder, 'requirements/prod.txt'), 'utf8'))[1];
  const listed = /Available versions: (.*)/.exec(docker(['exec', toolbox, 'pip', 'index', 'versions', PYTHON_PACKAGE]))[1].split(', ');
  const versions = enough(PYTHON_PACKAGE, listed.filter((version) => version !== pinned && version.split('.')[0] === pinned.split('.')[0]).reverse(), count);
  return versions.map((version) => {
    const text = docker(['exec', toolbox, 'sh', '-ec', `echo '${PYTHON_PACKAGE}==${version}' | uv pip compile -q --no-deps --no-header --no-annotate --generate-hashes -`]);
    return { version, text };
  });
}

/** The newest may be missing in a mirror: what is older is taken first. */
function enough(name, versions, count) {
  if (versions.length < count) throw new Error(`bench: ${name} has ${versions.length} other versions that fit, ${count} are needed (2 × BENCH_RUNS + 1)`);
  return versions.slice(0, versions.length - 3 >= count ? -3 : undefined).slice(-count);
}

/** Puts a version into package-lock.json, and into pnpm-lock.yaml where there is one. */
export function applyNpm(folder, { version, integrity }, pnpm = false) {
  const file = join(folder, 'package-lock.json');
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const entry = lock.packages[`node_modules/${NPM_PACKAGE}`];
  const before = { version: entry.version, integrity: entry.integrity };
  if (entry.resolved) entry.resolved = entry.resolved.replace(`-${entry.version}.tgz`, `-${version}.tgz`);
  Object.assign(entry, { version, integrity });
  writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);
  if (!pnpm) return;
  const yaml = join(folder, 'pnpm-lock.yaml');
  const text = readFileSync(yaml, 'utf8');
  const changed = text
    .replaceAll(`${NPM_PACKAGE}@${before.version}:`, `${NPM_PACKAGE}@${version}:`)
    .replaceAll(`${NPM_PACKAGE}: ${before.version}\n`, `${NPM_PACKAGE}: ${version}\n`)
    .replaceAll(before.integrity, integrity);
  if (changed === text) throw new Error(`bench: pnpm-lock.yaml has no ${NPM_PACKAGE} ${before.version}`);
  writeFileSync(yaml, changed);
}

/** Puts a version into requirements/prod.txt in place of the pinned one with its hashes. */
export function applyPython(folder, { text }) {
  const file = join(folder, 'requirements/prod.txt');
  const before = readFileSync(file, 'utf8');
  const after = before.replace(new RegExp(`^${PYTHON_PACKAGE}==(?:.*\\\\\\n)*.*`, 'm'), text);
  if (after === before) throw new Error(`bench: requirements/prod.txt does not pin ${PYTHON_PACKAGE}, or to this version already`);
  writeFileSync(file, after);
}

/** Bytes of the published file of a version, and, for Python, of what it installs with byte code, as tar.gz. */
export function publishedSize(world, { version }, toolbox) {
  const script =
    world === 'node'
      ? `npm pack --silent ${NPM_PACKAGE}@${version} >/dev/null; cat *.tgz | wc -c; cat *.tgz | wc -c`
      : `pip download -q --no-deps --only-binary :all: ${PYTHON_PACKAGE}==${version}; cat *.whl | wc -c; pip install -q --no-deps --target t *.whl; tar -C t -cz . | wc -c`;
  const [published, installed] = docker(['exec', toolbox, 'sh', '-ec', `cd $(mktemp -d); ${script}`]).split('\n').map(Number);
  return { published, installed };
}
