import { afterAll } from '@jest/globals';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ArtifactSpec, ImageSpec, Project } from '../../../src/config/project.js';
import type { RequirementHash } from '../../../src/core/identity.js';
import type { Placed } from '../../../src/core/place.js';

export interface ImageSketch extends Partial<Omit<ImageSpec, 'name' | 'context' | 'dockerfile' | 'artifacts'>> {
  readonly context?: string;
  readonly dockerfile?: string;
  readonly artifacts?: readonly string[];
}

/** What a planner is given besides engine, store and artifacts: it says nothing, asks no registry, and keys of artifacts are their names. */
export function quietPlanning() {
  const artifactKey = async (name: string) => name.padEnd(64, '0') as RequirementHash;
  return { emit: () => undefined, signal: new AbortController().signal, offline: true, jobs: 2, artifactKey };
}

/** A project in memory; images lie in `images/<name>` unless they say otherwise. */
export function projectOf(root: string, images: Readonly<Record<string, ImageSketch>>, artifacts: readonly ArtifactSpec[] = [], name = 'shop'): Project {
  return {
    name,
    root,
    file: 'project.yml',
    store: join(root, '.artifacts'),
    network: { noProxy: [] },
    builders: { network: 'bridge', env: [] },
    artifacts: new Map(artifacts.map((spec) => [spec.name, spec])),
    images: new Map(Object.entries(images).map(([short, sketch]) => [short, imageSpec(short, sketch, name)])),
    dev: new Map(),
  };
}

function imageSpec(name: string, sketch: ImageSketch, project: string): ImageSpec {
  const context = sketch.context ?? `images/${name}`;
  return {
    name,
    place: at(3),
    repository: `${project}-${name}`,
    role: false,
    args: {},
    secrets: {},
    ssh: [],
    cacheFrom: [],
    ...sketch,
    context: placed(context, 4),
    dockerfile: placed(sketch.dockerfile ?? (context === '.' ? 'Dockerfile' : `${context}/Dockerfile`), 5),
    artifacts: (sketch.artifacts ?? []).map((artifact) => placed(artifact, 6)),
  };
}

/** A command artifact: the simplest kind. */
export function commandSpec(name: string, builder: string, inputs: readonly string[] = []): ArtifactSpec {
  return {
    kind: 'command',
    name,
    place: at(10),
    builder: placed(builder, 11),
    prefix: `/opt/${name}`,
    env: [],
    needs: [],
    inputs: inputs.map((input) => placed(input, 12)),
    run: 'true',
    output: 'out',
  };
}

export function placed<T>(value: T, line: number): Placed<T> {
  return { value, place: at(line) };
}

function at(line: number) {
  return { file: 'project.yml', line, column: 5 };
}

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

/** A new folder, gone when the tests of the file are done; a tree of its own lies in it, so there is room beside that. */
export async function temporaryFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'wheelwright-test-')));
  folders.push(folder);
  const root = join(folder, 'root');
  await mkdir(root);
  return root;
}

/** Writes files; a text that starts with `→ ` makes a symbolic link. */
export async function writeTree(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const full = join(root, path);
    await mkdir(dirname(full), { recursive: true });
    if (path.endsWith('/')) await mkdir(full, { recursive: true });
    else if (text.startsWith('→ ')) await symlink(text.slice(2), full);
    else await writeFile(full, text);
  }
}
