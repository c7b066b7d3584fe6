import { resolve } from 'node:path';
import type { ImageSpec, Project } from '../config/project.js';
import { fail } from '../core/failure.js';
import { isPredefined } from '../docker/build-args.js';
import { imagesMeant } from './name-patterns.js';

/** Settings of a command line that take the place of the project file's for one run. Words are as the user wrote them. */
export interface ImageSettings {
  /** `[image:]NAME=value`, or `[image:]NAME` for the value in the environment. */
  readonly buildArgs: readonly string[];
  /** `[image:]stage`; without an image for those in `named`. */
  readonly targets: readonly string[];
  readonly platform?: string;
  readonly network?: string;
  readonly cacheFrom: readonly string[];
  /** As for `docker build`: `[image:]id=ID,src=FILE` or `[image:]id=ID,env=NAME`; without either the variable ID, else the file ID. */
  readonly secrets?: readonly string[];
  /** `[image:]ID` or `[image:]ID=SOCKET`. */
  readonly ssh?: readonly string[];
  /** What FILE and SOCKET are relative to. */
  readonly cwd?: string;
  readonly named: readonly string[];
}

/** The project with these settings in its images; keys follow from them as from the project file. Fails `usage`. */
export function applySettings(project: Project, settings: ImageSettings, env: Readonly<Record<string, string | undefined>>): Project {
  const images = new Map(project.images);
  const change = (names: readonly string[], to: (spec: ImageSpec) => Partial<ImageSpec>): void => {
    for (const name of names) images.set(name, { ...images.get(name)!, ...to(images.get(name)!) });
  };
  const all = [...images.keys()];
  for (const text of settings.buildArgs) {
    const { image, name, value = env[name] } = parseBuildArg(text);
    if (value !== undefined) change(image === undefined ? all : imagesMeant(project, [image]), ({ args }) => ({ args: { ...args, [name]: value } }));
  }
  for (const text of settings.targets) {
    const { image, stage } = parseTarget(text);
    if (image === undefined && settings.named.length === 0) {
      fail({ reason: 'usage', message: `--target ${text} does not say which image's stage it is`, advice: `write --target IMAGE:${stage}, or name the image` });
    }
    change(imagesMeant(project, image === undefined ? settings.named : [image]), () => ({ target: stage }));
  }
  const { platform, network, cacheFrom, cwd = project.root } = settings;
  for (const text of settings.secrets ?? []) {
    const { image, id, source } = parseSecret(text, { env, cwd });
    change(image === undefined ? all : imagesMeant(project, [image]), ({ secrets }) => ({ secrets: { ...secrets, [id]: source } }));
  }
  for (const text of settings.ssh ?? []) {
    const { image, id, agent } = parseAgent(text, cwd);
    change(image === undefined ? all : imagesMeant(project, [image]), ({ ssh }) => ({ ssh: [...ssh.filter((one) => one.split('=', 1)[0] !== id), agent] }));
  }
  if (platform !== undefined) change(all, () => ({ platform: parsePlatform(platform) }));
  if (network !== undefined) change(all, () => ({ network }));
  if (cacheFrom.length > 0) change(all, () => ({ cacheFrom }));
  return { ...project, images };
}

/** The build args of these settings that take effect only where an ARG declares them; `image` as the user wrote it. */
export function declarableArgs({ buildArgs }: ImageSettings): readonly { readonly image?: string; readonly name: string }[] {
  return buildArgs.map(parseBuildArg).filter(({ name }) => !isPredefined(name));
}

function parseBuildArg(text: string): { readonly image?: string; readonly name: string; readonly value?: string } {
  const match = /^(?:([^=]+):)?([A-Za-z_]\w*)(?:=(.*))?$/s.exec(text);
  if (match === null) return fail({ reason: 'usage', message: `--build-arg ${JSON.stringify(text.split('=')[0])} is not [IMAGE:]NAME=VALUE`, advice: 'write for example --build-arg web:VERSION=2' });
  const [, image, name, value] = match;
  return { name: name as string, ...(image === undefined ? {} : { image }), ...(value === undefined ? {} : { value }) };
}

function parseTarget(text: string): { readonly image?: string; readonly stage: string } {
  const colon = text.lastIndexOf(':');
  return colon === -1 ? { stage: text } : { image: text.slice(0, colon), stage: text.slice(colon + 1) };
}

type Secret = ImageSpec['secrets'][string];

function parseSecret(text: string, { env, cwd }: { readonly env: Readonly<Record<string, string | undefined>>; readonly cwd: string }): { readonly image?: string; readonly id: string; readonly source: Secret } {
  const [, image, settings] = /^(?:([^=,:]+):)?(.*)$/s.exec(text)!;
  const fields = new Map(settings!.split(',').map((field): [string, string] => [field.split('=', 1)[0]!, field.slice(field.indexOf('=') + 1)]));
  const id = fields.get('id') ?? '';
  const file = fields.get('src') ?? fields.get('source');
  const name = fields.get('env');
  const known = [...fields].every(([field, value]) => ['id', 'src', 'source', 'env', 'type'].includes(field) && value !== '');
  // What stands there may be the secret itself: it is not repeated.
  if (id === '' || !known || (file !== undefined && name !== undefined)) {
    return fail({ reason: 'usage', message: '--secret is not [IMAGE:]id=ID,src=FILE or [IMAGE:]id=ID,env=NAME', advice: 'write for example --secret id=token,env=TOKEN' });
  }
  const variable = name ?? (file === undefined && env[id] !== undefined ? id : undefined);
  return { ...(image === undefined ? {} : { image }), id, source: variable === undefined ? { file: resolve(cwd, file ?? id) } : { env: variable } };
}

function parseAgent(text: string, cwd: string): { readonly image?: string; readonly id: string; readonly agent: string } {
  const [, image, id, socket] = /^(?:([^=:]+):)?([^=:]+)(?:=(.+))?$/s.exec(text)
    ?? fail({ reason: 'usage', message: `--ssh ${JSON.stringify(text)} is not [IMAGE:]ID or [IMAGE:]ID=SOCKET`, advice: 'write for example --ssh default' });
  return { ...(image === undefined ? {} : { image }), id: id!, agent: socket === undefined ? id! : `${id}=${resolve(cwd, socket)}` };
}

function parsePlatform(text: string): string {
  if (/^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9]+)?$/.test(text)) return text;
  return fail({ reason: 'usage', message: `--platform ${JSON.stringify(text)} is no platform`, advice: 'write it as os/architecture: linux/amd64' });
}
