import satisfies from 'semver/functions/satisfies.js';
import type { BuilderFacts, NodeFacts } from '../builders/builder.js';
import type { Manifest } from './manifest.js';

/** Where the tree will run, in npm's words. */
export interface Platform {
  /** process.platform */
  readonly os: string;
  /** process.arch */
  readonly cpu: string;
  readonly libc: 'glibc' | 'musl' | undefined;
  /** Versions without `v`. */
  readonly node: string;
  readonly npm: string | undefined;
}

export function platformOf(facts: BuilderFacts, node: NodeFacts): Platform {
  return { os: node.platform, cpu: node.arch, libc: node.platform === 'linux' ? facts.libc.name : undefined, node: node.version, npm: node.npm };
}

/** The engines that a package asks for and this platform does not have: `node >=24 (the builder has 20.19.2)`. */
export function engineMismatch(manifest: Manifest, platform: Platform): string | undefined {
  const { engines } = manifest;
  if (typeof engines !== 'object' || engines === null) return undefined;
  const has: readonly (readonly [string, string | undefined])[] = [['node', platform.node], ['npm', platform.npm]];
  const wrong = has.filter(([name, version]) => {
    const range = engines[name];
    return version !== undefined && typeof range === 'string' && range !== '' && !inRange(version, range);
  });
  if (wrong.length === 0) return undefined;
  return wrong.map(([name, version]) => `${name} ${engines[name]} (the builder has ${version})`).join(' and ');
}

/** Whether a package that says `libc` was built for another one. One that says nothing fits all. */
export function otherLibc(libc: readonly string[], platform: Platform): boolean {
  return libc.length > 0 && platformMismatch({ libc }, platform) !== undefined;
}

/** What a package's os, cpu or libc asks for that this platform is not: `os darwin (the builder has linux)`. */
export function platformMismatch(manifest: Manifest, platform: Platform): string | undefined {
  if (manifest.os !== undefined && !listed(platform.os, manifest.os)) return `os ${text(manifest.os)} (the builder has ${platform.os})`;
  if (manifest.cpu !== undefined && !listed(platform.cpu, manifest.cpu)) return `cpu ${text(manifest.cpu)} (the builder has ${platform.cpu})`;
  if (manifest.libc !== undefined && (platform.libc === undefined || !listed(platform.libc, manifest.libc))) {
    return `libc ${text(manifest.libc)} (the builder has ${platform.libc ?? 'none'})`;
  }
  return undefined;
}

/** One engine range is met by few versions and asked by hundreds of packages. */
const answers = new Map<string, boolean>();

function inRange(version: string, range: string): boolean {
  const key = `${version} ${range}`;
  let answer = answers.get(key);
  if (answer === undefined) answers.set(key, (answer = satisfies(version, range, { includePrerelease: true })));
  return answer;
}

/** npm's rule for such lists: none of the negated values, and one of the others if there are any. */
function listed(value: string, list: string | readonly string[]): boolean {
  const entries = typeof list === 'string' ? [list] : list;
  if (entries.length === 1 && entries[0] === 'any') return true;
  if (entries.includes(`!${value}`)) return false;
  return entries.includes(value) || entries.every((entry) => entry.startsWith('!'));
}

function text(list: string | readonly string[]): string {
  return typeof list === 'string' ? list : list.join(' or ');
}
