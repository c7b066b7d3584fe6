import { posix, resolve as resolvePath } from 'node:path';
import type { Place, Placed } from '../core/place.js';
import { checkPorts, checkPrefixes, checkRepositories, distinct, reportTwice } from './collisions.js';
import type { ArtifactSpec, DevSpec, ImageSpec, Project } from './project.js';
import { checkBuilder, checkImageBuilder, checkName, checkVariables } from './references.js';
import { repository } from './rules.js';
import type { RawArtifact, RawDev, RawImage, RawProject } from './schema.js';
import type { Item, Report } from './shape.js';
import { values } from './values.js';

export interface ResolveOptions {
  readonly root: string;
  readonly file: string;
  readonly report: Report;
  /** Names in the file, also of entries that could not be read: a reference to one of those is not a second problem. */
  readonly artifactNames: ReadonlySet<string>;
  readonly imageNames: ReadonlySet<string>;
}

/**
 * Fills in defaults and checks what needs more than one value: names, collisions. Pure; what could not be read is left
 * out, after which the project must not be used for anything but finding more problems.
 */
export function resolveProject(raw: RawProject, options: ResolveOptions): Project {
  const { report, root, file } = options;
  const name = raw.name?.value ?? '';
  const registry = raw.registry?.value.replace(/\/$/, '');
  const artifacts = byName(raw.artifacts, (item) => resolveArtifact(item, options));
  const images = byName(raw.images, (item) => resolveImage(item, { ...options, repositoryPrefix: `${registry ? `${registry}/` : ''}${name}-` }));
  const dev = byName(raw.dev, (item) => resolveDev(item, options));
  checkRepositories(images, report);
  checkPrefixes(images, artifacts, report);
  checkVariables(raw, report);
  return {
    name,
    root,
    file,
    ...given('registry', registry),
    store: resolvePath(root, raw.store?.value ?? '.artifacts'),
    network: {
      ...given('ca', raw.network?.ca?.value),
      ...given('proxy', raw.network?.proxy?.value),
      noProxy: values(raw.network?.no_proxy),
      ...given('insecureRegistries', raw.network?.insecure_registries && values(raw.network.insecure_registries)),
      ...given('timeout', raw.network?.timeout?.value),
      ...given('retries', raw.network?.retries?.value),
    },
    builders: {
      ...given('memory', raw.builders?.memory),
      ...given('cpus', raw.builders?.cpus?.value),
      network: raw.builders?.network?.value ?? 'bridge',
      env: values(raw.builders?.env),
    },
    artifacts,
    images,
    dev,
  };
}

function resolveArtifact({ key, value: raw }: Item<RawArtifact>, options: ResolveOptions): ArtifactSpec | undefined {
  const { builder } = raw;
  if (!builder) return undefined;
  checkBuilder(builder, key.value, options);
  const common = { name: key.value, place: key.place, builder, env: values(raw.env) };
  switch (raw.variant) {
    case 'python':
      return {
        ...common,
        kind: 'python',
        prefix: prefixOf(raw.prefix, '/opt/venv'),
        requirements: distinct(paths(raw.requirements), 'requirement file', options.report),
        extras: values(raw.extras),
        groups: values(raw.groups),
        ...given('index', raw.index?.value),
        extraIndex: values(raw.extra_index),
        findLinks: values(raw.find_links),
        strict: raw.strict?.value ?? false,
        compileBytecode: raw.compile_bytecode?.value ?? true,
      };
    case 'node':
      return {
        ...common,
        kind: 'node',
        prefix: prefixOf(raw.prefix, '/app'),
        package: raw.package ? path(raw.package) : { value: 'package.json', place: key.place },
        omit: [...new Set(values(raw.omit))],
        ...given('registry', raw.registry?.value),
        scripts: raw.scripts === undefined ? 'allow' : 'place' in raw.scripts ? raw.scripts.value : values(raw.scripts),
        ...given('engineStrict', raw.engine_strict?.value),
        lean: raw.lean?.value ?? false,
      };
    case 'command': {
      const { run, output } = raw;
      const needs = distinct(raw.needs ?? [], 'artifact', options.report);
      for (const need of needs) checkName(need, { what: 'artifact', of: `artifacts.${key.value}`, known: options.artifactNames, report: options.report });
      return run && output && { ...common, kind: 'command', prefix: prefixOf(raw.prefix, `/app/${key.value}`), needs, inputs: raw.inputs ?? [], run: run.value, output: path(output).value };
    }
  }
}

function resolveImage({ key, value: raw }: Item<RawImage>, options: ResolveOptions & { repositoryPrefix: string }): ImageSpec | undefined {
  const { report } = options;
  if (!raw.context) return undefined;
  const context = path(raw.context);
  const dockerfile = raw.dockerfile ? path(raw.dockerfile) : { value: posix.join(context.value, 'Dockerfile'), place: context.place };
  const artifacts = distinct(raw.artifacts ?? [], 'artifact', report);
  for (const artifact of artifacts) checkName(artifact, { what: 'artifact', of: `images.${key.value}`, known: options.artifactNames, report });
  if (raw.builder) checkImageBuilder(raw.builder, key.value, options);
  const repositoryName = raw.repository?.value ?? `${options.repositoryPrefix}${key.value}`;
  if (!raw.repository && repository.check(repositoryName)?.message.includes('longer')) {
    report({ reason: 'config', message: `the image name ${repositoryName} is longer than 255 characters`, place: key.place, advice: 'Shorten it or give a `repository`' });
  }
  const secrets = (raw.secrets ?? []).map((item) => {
    const { file, env } = item.value;
    if ((file === undefined) === (env === undefined)) {
      report({ reason: 'config', message: `images.${key.value}.secrets.${item.key.value} must have either \`file\` or \`env\``, place: item.key.place });
    }
    return [item.key.value, file ? { file: file.value } : { env: env?.value ?? '' }] as const;
  });
  return {
    name: key.value,
    place: key.place,
    repository: repositoryName,
    context,
    dockerfile,
    ...given('include', raw.include && values(raw.include)),
    artifacts,
    ...given('builder', raw.builder),
    role: raw.role?.value ?? false,
    args: textRecord(raw.args),
    ...given('target', raw.target?.value),
    ...given('platform', raw.platform?.value),
    ...given('network', raw.network?.value),
    secrets: Object.fromEntries(secrets),
    ssh: values(raw.ssh),
    cacheFrom: values(raw.cache_from),
  };
}

function resolveDev({ key, value: raw }: Item<RawDev>, options: ResolveOptions): DevSpec {
  const { report } = options;
  const image = raw.image ?? key;
  const message = raw.image ? undefined : `dev.${key.value} runs the image of the same name, which is not there`;
  checkName(image, { what: 'image', of: `dev.${key.value}`, known: options.imageNames, report, ...given('message', message) });
  const ports = raw.ports ?? [];
  checkPorts(ports, report);
  const targets = new Map<string, Place>();
  const mounts = (raw.mounts ?? []).map((mount) => ({ ...mount, source: tidy(mount.source), target: tidy(mount.target) }));
  for (const { target, place } of mounts) {
    reportTwice(targets, target, place, `two mounts have the target ${target}`, report);
  }
  const command = raw.command && ('place' in raw.command ? ['sh', '-c', raw.command.value] : values(raw.command));
  return {
    name: key.value,
    place: key.place,
    image,
    mounts,
    ports: ports.flatMap((entry) => entry.ports),
    ...given('command', command),
    env: textRecord(raw.env),
    passEnv: values(raw.pass_env),
    ...given('workingDir', raw.working_dir && tidy(raw.working_dir.value)),
    ...given('network', raw.network?.value),
  };
}

function byName<T, Spec>(items: readonly Item<T>[] | undefined, resolve: (item: Item<T>) => Spec | undefined): Map<string, Spec> {
  const specs = new Map<string, Spec>();
  for (const item of items ?? []) {
    const spec = resolve(item);
    if (spec) specs.set(item.key.value, spec);
  }
  return specs;
}

function prefixOf(written: Placed<string> | undefined, otherwise: string): string {
  return tidy(written?.value ?? otherwise);
}

function paths(list: readonly Placed<string>[] | undefined): Placed<string>[] {
  return (list ?? []).map(path);
}

function path(written: Placed<string>): Placed<string> {
  return { value: tidy(written.value), place: written.place };
}

/** Normalised, without a trailing slash. */
function tidy(text: string): string {
  const normal = posix.normalize(text);
  return normal.length > 1 ? normal.replace(/\/+$/, '').replace(/^\/\/+/, '/') : normal;
}

function textRecord(items: readonly Item<Placed<string>>[] | undefined): Record<string, string> {
  return Object.fromEntries((items ?? []).map(({ key, value }) => [key.value, value.value]));
}

/** A member for a spread: absent, rather than undefined, where there is no value. */
function given<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V };
}
