import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { integrity, npmTarball } from './packages.js';

/** The builder of small projects: an image that is already there, so that none is built. */
export const BUILDER = process.env['WHEELWRIGHT_TEST_BUILDER'] ?? 'wheelwright-test/builder';

export type Files = Readonly<Record<string, string | Buffer>>;

export async function writeFiles(dir: string, files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), content);
  }
}

/** A project with one python artifact. */
export function pythonProject({ index, requirements, more = '' }: { readonly index: string; readonly requirements: string; readonly more?: string }): Files {
  return {
    'project.yml': `name: shop\nartifacts:\n  python:\n    kind: python\n    builder: ${BUILDER}\n    requirements: [requirements.txt]\n    index: ${index}\n${more}`,
    'requirements.txt': requirements,
  };
}

export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  readonly bytes: Buffer;
}

export function npmPackage(name: string, version: string, entries: Parameters<typeof npmTarball>[2] = []): NpmPackage {
  return { name, version, bytes: npmTarball(name, version, entries) };
}

/** A project with one node artifact, its lock written as npm would. */
export function nodeProject({ registry, packages, more = '' }: { readonly registry: string; readonly packages: readonly NpmPackage[]; readonly more?: string }): Files {
  return {
    'project.yml': `name: shop\nartifacts:\n  node:\n    kind: node\n    builder: ${BUILDER}\n    registry: ${registry}\n${more}`,
    ...nodeFiles(packages),
  };
}

export function nodeFiles(packages: readonly NpmPackage[]): Files {
  const dependencies = Object.fromEntries(packages.map(({ name, version }) => [name, version]));
  const locked = packages.map(({ name, version, bytes }) => [`node_modules/${name}`, { version, integrity: integrity(bytes) }]);
  const lock = { name: 'shop', lockfileVersion: 3, requires: true, packages: { '': { name: 'shop', dependencies }, ...Object.fromEntries(locked) } };
  return { 'package.json': `${JSON.stringify({ name: 'shop', dependencies }, null, 2)}\n`, 'package-lock.json': `${JSON.stringify(lock, null, 2)}\n` };
}
