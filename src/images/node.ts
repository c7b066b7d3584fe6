import { readFile } from 'node:fs/promises';
import { isAbsolute, join, posix, relative, sep } from 'node:path';
import type { ImageSpec, Project } from '../config/project.js';
import { fail } from '../core/failure.js';
import type { Place, Placed } from '../core/place.js';
import { parseDockerfile } from '../docker/dockerfile.js';
import { readIgnore, type Ignore } from '../docker/ignore.js';
import type { Instruction } from '../docker/instruction.js';
import { contextSources, parents, resolveDockerfile, type ImageUse, type Resolved } from '../docker/resolve.js';
import { imageNamed } from './names.js';

/** An image of the project with its Dockerfile read. */
export interface ImageNode {
  readonly spec: ImageSpec;
  readonly resolved: Resolved;
  readonly ignore: Ignore;
  /** Images of the project that it is built from. */
  readonly edges: readonly Edge[];
  /** All other images that it is built from, `scratch` excepted. */
  readonly bases: readonly ImageUse[];
  /** Its children copy out of their own context by ONBUILD. */
  readonly copiesOnBuild: boolean;
  readonly platform: string;
}

export interface Edge {
  /** Short name of the image. */
  readonly to: string;
  readonly use: ImageUse;
}

/** What an image's Dockerfile calls the image that `builder:` names. */
const BUILDER = 'builder';

/** Reads the Dockerfile of an image. Throws Failed with every problem in it. */
export async function readNode(project: Project, spec: ImageSpec, defaultPlatform: string): Promise<ImageNode> {
  const path = join(project.root, spec.dockerfile.value);
  const text = await readDockerfile(path, spec);
  const platform = spec.platform ?? defaultPlatform;
  const dockerfile = parseDockerfile(text, spec.dockerfile.value);
  const resolved = resolveDockerfile(dockerfile, { args: spec.args, platform, ...(spec.target === undefined ? {} : { target: spec.target }) });
  if (spec.builder !== undefined) checkBuilderUsed(spec.builder, resolved);
  const edges: Edge[] = [];
  const bases: ImageUse[] = [];
  for (const use of parents(resolved)) {
    const to = use.reference === BUILDER && spec.builder !== undefined ? spec.builder.value : imageNamed(project, use.reference);
    // What bears an image's own name in its own Dockerfile is the public image of that name.
    if (to === undefined || to === spec.name) bases.push(use);
    else edges.push({ to, use });
  }
  const ignore = readIgnore(join(project.root, spec.context.value), path, (file) => shown(project.root, file));
  return { spec, resolved, ignore, edges, bases, copiesOnBuild: copiesOnBuild(resolved), platform };
}

/** The image that the last stage starts from, through other stages; undefined for none. */
export function finalBase({ stages, target }: Resolved): ImageUse | undefined {
  let { base } = stages[target]!;
  while (base.kind === 'stage') ({ base } = stages[base.index]!);
  return base.kind === 'image' ? base : undefined;
}

/** In whatever stage: which of them is built may be chosen by the command line. */
function checkBuilderUsed({ place }: Placed<string>, { stages, dockerfile }: Resolved): void {
  if (stages.some(({ base, references }) => [...(base.kind === 'image' ? [base] : []), ...references].some(({ reference }) => reference === BUILDER))) return;
  fail({
    reason: 'config',
    message: `${dockerfile.source.file} takes nothing from \`${BUILDER}\`, which is named here`,
    place,
    advice: `write \`COPY --from=${BUILDER} …\` or \`FROM ${BUILDER} AS build\` there (a stage of that name hides it), or leave \`builder\` away`,
  });
}

/** What COPY and ADD of the image name in its context. */
export function sourcesOf(node: ImageNode, parentsCopy: boolean): { pattern: string | undefined; parents: boolean }[] {
  const sources = contextSources(node.resolved).map(({ pattern, parents: folders }) => ({ pattern, parents: folders }));
  return parentsCopy ? [...sources, { pattern: undefined, parents: false }] : sources;
}

/** The Dockerfile's path in the context; undefined if it lies outside. */
export function dockerfileInContext({ spec }: ImageNode): string | undefined {
  const path = posix.relative(posix.normalize(spec.context.value), posix.normalize(spec.dockerfile.value));
  return path.startsWith('../') || isAbsolute(path) ? undefined : path;
}

/** The stage that is built. */
export function targetOf({ resolved: { stages, target } }: Pick<ImageNode, 'resolved'>): Resolved['stages'][number] {
  return stages[target]!;
}

/** To the image of the project that it is FROM, if it is. */
export function edgeOf(node: ImageNode): ImageNode['edges'][number] | undefined {
  const { base } = targetOf(node);
  return base.kind === 'image' ? node.edges.find(({ use }) => use === base || use.reference === base.reference) : undefined;
}

async function readDockerfile(path: string, spec: ImageSpec): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EISDIR') throw error;
    const place: Place = spec.dockerfile.place;
    return fail({ reason: 'config', message: `the image "${spec.name}" has no Dockerfile: ${spec.dockerfile.value} is not there`, place });
  }
}

function copiesOnBuild({ stages, target }: Resolved): boolean {
  const copies = ({ trigger }: Instruction): boolean =>
    trigger !== undefined && (trigger.keyword === 'COPY' || trigger.keyword === 'ADD') && !trigger.flags.some(({ name }) => name === 'from');
  for (let index: number | undefined = target; index !== undefined; ) {
    const { stage, base }: Resolved['stages'][number] = stages[index]!;
    if (stage.instructions.some(copies)) return true;
    index = base.kind === 'stage' ? base.index : undefined;
  }
  return false;
}

function shown(root: string, file: string): string {
  const path = relative(root, file);
  return path.startsWith('..') ? file : path.split(sep).join('/');
}
