import type { BuilderFacts, PythonFacts } from '../builders/builder.js';

/** What tags depend on; members of `BuilderFacts`, so that those can be passed as they are. */
export type TagFacts = Pick<BuilderFacts, 'machine' | 'libc'> & { readonly python: Pick<PythonFacts, 'version' | 'implementation' | 'soabi' | 'freeThreaded'> };

/**
 * The PEP 425 tags that an interpreter on Linux supports, best first, in the order of `packaging.tags.sys_tags()`:
 * CPython (also free-threaded and debug) and PyPy, manylinux with its legacy names (PEP 600), musllinux (PEP 656).
 */
export function compatibleTags(facts: TagFacts): readonly string[] {
  const platforms = platformTags(facts);
  const [major, minor] = facts.python.version.split('.').map(Number) as [number, number];
  const own = facts.python.implementation === 'cpython' ? cpythonTags(facts.python, platforms) : genericTags(facts.python, platforms);
  const interpreter = facts.python.implementation === 'cpython' ? `cp${major}${minor}` : facts.python.implementation === 'pypy' ? 'pp3' : undefined;
  return [...new Set([...own, ...pureTags([major, minor], platforms, interpreter)])];
}

/** Platform tags, best first. */
export function platformTags(facts: Pick<TagFacts, 'machine' | 'libc'>): readonly string[] {
  const architectures = facts.machine === 'armv8l' ? ['armv8l', 'armv7l'] : [facts.machine];
  const libc = facts.libc.name === 'musl' ? architectures.flatMap((arch) => musllinux(facts.libc.version, arch)) : manylinux(facts.libc.version, architectures);
  return [...libc, ...architectures.map((arch) => `linux_${arch}`)];
}

/** Architectures for which wheels can rely on a manylinux policy; others (as `armv7l` soft float) only on `linux_*`. */
const MANYLINUX_ARCHITECTURES = new Set(['x86_64', 'aarch64', 'ppc64', 'ppc64le', 's390x', 'loongarch64', 'riscv64', 'i686', 'armv7l', 'armv8l']);

const LEGACY_MANYLINUX: Readonly<Record<string, string>> = { '2.17': 'manylinux2014', '2.12': 'manylinux2010', '2.5': 'manylinux1' };

function manylinux(version: string, architectures: readonly string[]): readonly string[] {
  const [major, minor] = version.split('.').map(Number) as [number, number];
  if (major !== 2 || !architectures.some((arch) => MANYLINUX_ARCHITECTURES.has(arch))) return [];
  const oldest = architectures.some((arch) => arch === 'x86_64' || arch === 'i686') ? 5 : 17;
  return architectures.flatMap((arch) =>
    descending(minor, oldest).flatMap((step) => {
      const legacy = LEGACY_MANYLINUX[`2.${step}`];
      return [`manylinux_2_${step}_${arch}`, ...(legacy === undefined ? [] : [`${legacy}_${arch}`])];
    }),
  );
}

function musllinux(version: string, arch: string): readonly string[] {
  const [major, minor] = version.split('.').map(Number) as [number, number];
  return descending(minor, 0).map((step) => `musllinux_${major}_${step}_${arch}`);
}

function cpythonTags(python: TagFacts['python'], platforms: readonly string[]): readonly string[] {
  const [major, minor] = python.version.split('.').map(Number) as [number, number];
  const interpreter = `cp${major}${minor}`;
  const abis = cpythonAbis(python, interpreter);
  const tags = abis.flatMap((abi) => platforms.map((platform) => `${interpreter}-${abi}-${platform}`));
  const stable = python.freeThreaded ? [] : [interpreter, ...descending(minor - 1, 2).map((older) => `cp${major}${older}`)];
  const [first, ...older] = stable.map((name) => platforms.map((platform) => `${name}-abi3-${platform}`));
  const none = platforms.map((platform) => `${interpreter}-none-${platform}`);
  return [...tags, ...(first ?? []), ...none, ...older.flat()];
}

/** SOABI is `cpython-313-…`, `cpython-313t-…`, `cpython-313d-…`; a debug interpreter also loads ordinary modules. */
function cpythonAbis(python: TagFacts['python'], interpreter: string): readonly string[] {
  const flags = /^cpython-[0-9]+([a-z]*)/.exec(python.soabi)?.[1] ?? '';
  const threading = python.freeThreaded ? 't' : '';
  if (flags.includes('d')) return [`${interpreter}${threading}d`, `${interpreter}${threading}`];
  return [interpreter + (threading || flags)];
}

/** PyPy's SOABI is `pypy310-pp73-…`: interpreter tag `pp310`, ABI `pypy310_pp73`. */
function genericTags(python: TagFacts['python'], platforms: readonly string[]): readonly string[] {
  const [major, minor] = python.version.split('.') as [string, string];
  const parts = python.soabi.split('-').slice(0, python.implementation === 'graalpy' ? 3 : 2);
  const abi = parts.join('_').replaceAll('.', '_');
  const interpreter = (python.implementation === 'pypy' ? 'pp' : python.implementation) + major + minor;
  return [abi, 'none'].flatMap((name) => platforms.map((platform) => `${interpreter}-${name}-${platform}`));
}

function pureTags([major, minor]: readonly [number, number], platforms: readonly string[], interpreter: string | undefined): readonly string[] {
  const pythons = [`py${major}${minor}`, `py${major}`, ...descending(minor - 1, 0).map((older) => `py${major}${older}`)];
  const specific = pythons.flatMap((python) => platforms.map((platform) => `${python}-none-${platform}`));
  const own = interpreter === undefined ? [] : [`${interpreter}-none-any`];
  return [...specific, ...own, ...pythons.map((python) => `${python}-none-any`)];
}

function descending(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, from - to + 1) }, (_, index) => from - index);
}
