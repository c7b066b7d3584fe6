import { posix, resolve as resolvePath } from 'node:path';
import type { Problem } from '../core/failure.js';
import type { Place, Placed } from '../core/place.js';
import { nearest } from '../util/nearest.js';
import type { ArtifactSpec, DevPort, DevSpec, ImageSpec, Project } from './project.js';
import { imageReference, repository } from './rules.js';
import type { RawArtifact, RawDev, RawImage, RawProject } from './schema.js';
import type { Item, Report } from './shape.js';

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

interface Reference {
  readonly what: 'artifact' | 'image';
  /** Who refers. */
  readonly of: string;
  readonly known: ReadonlySet<string>;
  readonly report: Report;
  readonly message?: string;
}

function checkName(name: Placed<string>, { what, of, known, report, message }: Reference): void {
  if (known.has(name.value)) return;
  const near = nearest(name.value, known);
  const all = [...known];
  const advice = near ? `Did you mean ${near}?` : all.length > 0 ? `The ${what}s of this project are ${all.join(', ')}` : `Add it under \`${what}s\``;
  report({ reason: 'config', message: message ?? `${of} names the unknown ${what} ${name.value}`, place: name.place, advice });
}

/** Any image reference will do, but a plain word that is close to an image of the project is a slip. */
function checkBuilder(builder: Placed<string>, artifact: string, { imageNames, report }: ResolveOptions): void {
  if (imageNames.has(builder.value) || imageReference.check(builder.value)) return;
  const near = /[./:@]/.test(builder.value) ? undefined : nearest(builder.value, imageNames);
  if (near === undefined) return;
  const advice = `Did you mean ${near}? An image from elsewhere would be written with its tag, as ${builder.value}:latest`;
  report({ reason: 'config', message: `artifacts.${artifact} names the unknown builder ${builder.value}`, place: builder.place, advice });
}

/** Only images of the project: another one can be written in the Dockerfile itself. */
function checkImageBuilder(builder: Placed<string>, image: string, { imageNames, report }: ResolveOptions): void {
  if (builder.value !== image) return checkName(builder, { what: 'image', of: `images.${image}.builder`, known: imageNames, report });
  report({ reason: 'config', message: `images.${image} names itself as its builder`, place: builder.place, advice: 'Name the image that has the compilers' });
}

/** Two images under one repository name would overwrite each other's tags. */
function checkRepositories(images: ReadonlyMap<string, ImageSpec>, report: Report): void {
  const seen = new Map<string, Place>();
  for (const image of images.values()) {
    reportTwice(seen, image.repository, image.place, `two images have the name ${image.repository}`, report);
  }
}

/** Certain collisions only: two environments in one folder, two node_modules in one folder. */
function checkPrefixes(images: ReadonlyMap<string, ImageSpec>, artifacts: ReadonlyMap<string, ArtifactSpec>, report: Report): void {
  for (const image of images.values()) {
    const seen = new Map<string, { name: string; place: Place }>();
    for (const { value: name, place } of image.artifacts) {
      const artifact = artifacts.get(name);
      if (!artifact || artifact.kind === 'command') continue;
      const taken = artifact.kind === 'node' ? posix.join(artifact.prefix, 'node_modules') : artifact.prefix;
      const first = seen.get(taken);
      if (!first) seen.set(taken, { name, place });
      else {
        report({
          reason: 'config',
          message: `the artifacts ${first.name} and ${name} both fill ${taken} in images.${image.name}`,
          place,
          related: { message: `${first.name} is named here`, place: first.place },
          advice: 'Give one of them another `prefix`',
        });
      }
    }
  }
}

/** `${NAME}` in index settings is filled from the environment, so NAME must be allowed in. */
function checkVariables(raw: RawProject, report: Report): void {
  const everywhere = values(raw.builders?.env);
  for (const { key, value } of raw.artifacts ?? []) {
    const allowed = new Set([...everywhere, ...values(value.env)]);
    const urls = value.variant === 'python' ? [value.index, ...(value.extra_index ?? []), ...(value.find_links ?? [])] : value.variant === 'node' ? [value.registry] : [];
    for (const url of urls) {
      for (const [, variable] of url?.value.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g) ?? []) {
        if (allowed.has(variable!)) continue;
        const near = nearest(variable!, allowed);
        const advice = near ? `Did you mean ${near}?` : `Add ${variable} to artifacts.${key.value}.env`;
        report({ reason: 'config', message: `\${${variable}} is not among the variables that artifacts.${key.value} may see`, place: url!.place, advice });
      }
    }
  }
}

function checkPorts(entries: readonly { readonly place: Place; readonly ports: readonly DevPort[] }[], report: Report): void {
  const seen = new Map<string, Place>();
  for (const { place, ports } of entries) {
    for (const port of ports) {
      if (port.hostPort === 0) continue;
      const id = `${port.hostIp.includes(':') ? `[${port.hostIp}]` : port.hostIp}:${port.hostPort}/${port.protocol}`;
      reportTwice(seen, id, place, `the host port ${id} is published twice`, report);
    }
  }
}

function reportTwice(seen: Map<string, Place>, id: string, place: Place, message: string, report: Report): void {
  const first = seen.get(id);
  if (first) report({ reason: 'config', message, place, related: { message: 'first used here', place: first } });
  else seen.set(id, place);
}

/** Reports what is listed twice and gives each once. */
function distinct(list: readonly Placed<string>[], what: string, report: (problem: Problem) => void): Placed<string>[] {
  const seen = new Map<string, Place>();
  return list.filter(({ value, place }) => {
    const twice = seen.has(value);
    reportTwice(seen, value, place, `the ${what} ${value} is listed twice`, report);
    return !twice;
  });
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

function values<T>(list: readonly Placed<T>[] | undefined): T[] {
  return (list ?? []).map((item) => item.value);
}

function textRecord(items: readonly Item<Placed<string>>[] | undefined): Record<string, string> {
  return Object.fromEntries((items ?? []).map(({ key, value }) => [key.value, value.value]));
}

/** A member for a spread: absent, rather than undefined, where there is no value. */
function given<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V };
}
