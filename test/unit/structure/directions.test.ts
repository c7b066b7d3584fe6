import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { allImports, moduleOf, sourceFiles } from './imports.js';

const root = resolve(import.meta.dirname, '../../..');

/** What a module may import, besides itself. Whoever adds an arrow here says in the module's README why. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  core: [],
  util: ['core'],
  config: ['core', 'util'],
  archive: ['core', 'util'],
  net: ['core', 'util'],
  store: ['core', 'util'],
  git: ['core', 'util'],
  docker: ['core', 'util', 'archive'],
  engine: ['core', 'util'],
  discover: ['core', 'util', 'config', 'git', 'docker'],
  builders: ['core', 'util', 'config', 'archive', 'store', 'engine'],
  artifact: ['core', 'util', 'config', 'archive', 'store', 'net', 'builders'],
  python: ['core', 'util', 'config', 'archive', 'store', 'net', 'builders', 'artifact'],
  node: ['core', 'util', 'config', 'archive', 'store', 'net', 'builders', 'artifact'],
  command: ['core', 'util', 'config', 'archive', 'store', 'net', 'builders', 'artifact'],
  plan: ['core', 'util', 'artifact'],
  registry: ['core', 'util', 'net', 'docker'],
  layers: ['core', 'util', 'archive', 'store', 'artifact'],
  assemble: ['core', 'util', 'archive', 'docker', 'engine'],
  load: ['core', 'util', 'archive', 'docker', 'store', 'engine', 'layers'],
  images: ['core', 'util', 'config', 'archive', 'store', 'git', 'docker', 'engine', 'artifact', 'plan', 'registry', 'layers', 'assemble', 'load'],
  push: ['core', 'util', 'docker', 'engine', 'images', 'registry', 'layers', 'load', 'store'],
  run: ['core', 'util', 'config', 'store', 'git', 'engine', 'net', 'builders', 'artifact', 'plan', 'images', 'registry', 'push', 'layers', 'load'],
  cli: ['core', 'util', 'config', 'archive', 'net', 'store', 'git', 'docker', 'engine', 'builders', 'artifact', 'python', 'node', 'command', 'plan', 'images', 'registry', 'push', 'run', 'discover', 'layers', 'assemble', 'load'],
};

/** Only these files of a module may be imported by kinds and run: its port; adapters are for cli/wire.ts. */
const ADAPTERS_ONLY_IN_WIRE: readonly string[] = ['engine', 'builders', 'net'];
const PORTS = ['src/engine/engine.ts', 'src/builders/builder.ts', 'src/builders/hints.ts', 'src/builders/interruptions.ts', 'src/net/http.ts', 'src/net/requester.ts'];

/** A third-party library has one home. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  dockerode: ['engine'],
  'docker-modem': ['engine'],
  yaml: ['config'],
  commander: ['cli'],
  'log-update': ['cli'],
  'tar-stream': ['archive'],
  yauzl: ['archive'],
  got: ['net'],
  hpagent: ['net'],
  'p-queue': ['util'],
  '@renovatebot/pep440': ['python'],
  'smol-toml': ['python'],
  semver: ['node'],
  ini: ['node'],
  ignore: ['docker'],
  tinyglobby: ['command', 'docker'],
};

const imports = allImports();

describe('directions between modules', () => {
  test('every module is known and has a README', () => {
    const modules = [...new Set(sourceFiles().map(moduleOf))];
    expect(modules.filter((name) => !(name in ALLOWED))).toEqual([]);
    expect(modules.filter((name) => !existsSync(join(root, 'src', name, 'README.md')))).toEqual([]);
  });

  test('only allowed arrows', () => {
    const wrong = imports
      .filter(({ from, to, external }) => !external && moduleOf(from) !== moduleOf(to) && !(ALLOWED[moduleOf(from)] ?? []).includes(moduleOf(to)))
      .map(({ from, to }) => `${from} -> ${to}`);
    expect(wrong).toEqual([]);
  });

  test('adapters are built in cli/wire.ts only', () => {
    const wrong = imports
      .filter(({ from, to, external }) => !external && ADAPTERS_ONLY_IN_WIRE.includes(moduleOf(to)) && moduleOf(from) !== moduleOf(to))
      .filter(({ from, to }) => !PORTS.includes(to) && moduleOf(from) !== 'cli' && !(moduleOf(from) === 'builders' && moduleOf(to) === 'engine'))
      .map(({ from, to }) => `${from} -> ${to}`);
    expect(wrong).toEqual([]);
  });

  test('no cycles between files', () => {
    expect(findCycle(imports.filter((one) => !one.external).map(({ from, to }) => [from, to]))).toEqual([]);
  });

  test('each third-party library has one home', () => {
    const wrong = imports
      .filter(({ to, external }) => external && !to.startsWith('node:') && to !== 'node')
      .filter(({ from, to }) => !(HOMES[to] ?? []).includes(moduleOf(from)))
      .map(({ from, to }) => `${from} -> ${to}`);
    expect(wrong).toEqual([]);
  });

  test('every dependency in package.json is used, and every used one is there', async () => {
    const { dependencies } = (await import('../../../package.json', { with: { type: 'json' } })).default as { dependencies: Record<string, string> };
    const used = new Set(imports.filter(({ to, external }) => external && !to.startsWith('node:')).map(({ to }) => to));
    expect([...used].filter((name) => !(name in dependencies))).toEqual([]);
    expect(Object.keys(dependencies).filter((name) => !used.has(name))).toEqual([]);
  });

  test('console, environment and chance are read in cli only', () => {
    const wrong = sourceFiles()
      .filter((file) => moduleOf(file) !== 'cli')
      .flatMap((file) => {
        const code = readFileSync(join(root, file), 'utf8').replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');
        return [...code.matchAll(/\b(console\.\w+|process\.env|process\.argv|Math\.random|localeCompare)\b/g)].map((match) => `${file}: ${match[0]}`);
      });
    expect(wrong).toEqual([]);
  });
});

/** Files of one cycle, or nothing. */
function findCycle(edges: readonly (readonly [string, string])[]): string[] {
  const next = new Map<string, string[]>();
  for (const [from, to] of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const state = new Map<string, 'open' | 'done'>();
  const path: string[] = [];
  const visit = (file: string): string[] => {
    if (state.get(file) === 'done') return [];
    if (state.get(file) === 'open') return [...path.slice(path.indexOf(file)), file];
    state.set(file, 'open');
    path.push(file);
    for (const to of next.get(file) ?? []) {
      const cycle = visit(to);
      if (cycle.length > 0) return cycle;
    }
    path.pop();
    state.set(file, 'done');
    return [];
  };
  for (const file of next.keys()) {
    const cycle = visit(file);
    if (cycle.length > 0) return cycle;
  }
  return [];
}
