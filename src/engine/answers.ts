import type { ImageId } from '../core/identity.js';
import type { ContainerState, ContainerSummary, EngineInfo, ImageConfig, ImageDetails, ImageInfo, ImageStep, ImageSummary } from './engine.js';

/** The engine's JSON in our words. Every field is checked: what is absent or of another type becomes a plain default. */
type Json = Readonly<Record<string, unknown>>;

export function infoOf(value: unknown, apiVersion: string): EngineInfo {
  const info = object(value);
  const os = text(info['OSType'], 'linux');
  const status = list(info['DriverStatus']).map((pair) => texts(pair));
  const snapshotter = status.some(([name, driver]) => name === 'driver-type' && driver?.startsWith('io.containerd.snapshotter.') === true);
  return {
    version: text(info['ServerVersion'], 'unknown'),
    apiVersion,
    os,
    architecture: ociArchitecture(text(info['Architecture'])),
    rootless: texts(info['SecurityOptions']).some((option) => option.split(',').includes('name=rootless')),
    imageStore: snapshotter ? 'containerd' : 'graphdriver',
    storageDriver: text(info['Driver']),
    buildkit: os !== 'windows',
    id: text(info['ID']),
  };
}

export function imageOf(value: unknown): ImageInfo {
  const image = object(value);
  const variant = text(image['Variant']);
  return {
    id: text(image['Id']) as ImageId,
    tags: references(image['RepoTags']),
    repoDigests: references(image['RepoDigests']),
    labels: textMap(object(image['Config'])['Labels']),
    os: text(image['Os']),
    architecture: text(image['Architecture']),
    ...(variant === '' ? {} : { variant }),
    size: integer(image['Size']),
    created: text(image['Created']),
    layers: texts(object(image['RootFS'])['Layers']),
    config: configOf(image['Config']),
  };
}

/** Of an inspection and a history, which has the newest step first. */
export function detailsOf(inspected: unknown, history: unknown): ImageDetails {
  const image = object(inspected);
  const [variant, author, created] = [text(image['Variant']), text(image['Author']), text(image['Created'])];
  return {
    id: text(image['Id']) as ImageId,
    architecture: text(image['Architecture']),
    os: text(image['Os']),
    ...(variant === '' ? {} : { variant }),
    ...(author === '' ? {} : { author }),
    ...(created === '' ? {} : { created }),
    config: object(image['Config']),
    layers: texts(object(image['RootFS'])['Layers']),
    history: list(history).map((item) => stepOf(object(item))).reverse(),
  };
}

function stepOf(step: Json): ImageStep {
  const created = new Date(integer(step['Created']) * 1000).toISOString().replace('.000Z', 'Z');
  return { createdBy: text(step['CreatedBy']), comment: text(step['Comment']), created, size: integer(step['Size']) };
}

export function imageSummaryOf(value: unknown): ImageSummary {
  const image = object(value);
  return {
    id: text(image['Id']) as ImageId,
    tags: references(image['RepoTags']),
    repoDigests: references(image['RepoDigests']),
    labels: textMap(image['Labels']),
    size: integer(image['Size']),
    created: integer(image['Created']),
  };
}

export function containerSummaryOf(value: unknown): ContainerSummary {
  const container = object(value);
  return {
    id: text(container['Id']),
    image: text(container['Image']),
    imageId: text(container['ImageID']) as ImageId,
    state: text(container['State']),
    labels: textMap(container['Labels']),
    created: integer(container['Created']),
  };
}

export function containerStateOf(value: unknown): ContainerState {
  const state = object(object(value)['State']);
  const published = object(object(object(value)['NetworkSettings'])['Ports']);
  const ports = Object.entries(published).map(([port, bindings]) => [port, list(bindings).map(bindingOf)] as const);
  return {
    running: state['Running'] === true,
    exitCode: integer(state['ExitCode']),
    oomKilled: state['OOMKilled'] === true,
    ports: Object.fromEntries(ports),
  };
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function object(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

export function text(value: unknown, otherwise = ''): string {
  return typeof value === 'string' ? value : otherwise;
}

export function integer(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : 0;
}

function configOf(value: unknown): ImageConfig {
  const config = object(value);
  const stopSignal = text(config['StopSignal']);
  const lists = (name: string, field: string) => (Array.isArray(config[field]) ? { [name]: texts(config[field]) } : {});
  return {
    env: texts(config['Env']),
    ...lists('cmd', 'Cmd'),
    ...lists('entrypoint', 'Entrypoint'),
    user: text(config['User']),
    workingDir: text(config['WorkingDir']),
    exposedPorts: Object.keys(object(config['ExposedPorts'])),
    volumes: Object.keys(object(config['Volumes'])),
    ...(stopSignal === '' ? {} : { stopSignal }),
    ...lists('shell', 'Shell'),
    ...(typeof config['Healthcheck'] === 'object' && config['Healthcheck'] !== null ? { healthcheck: object(config['Healthcheck']) } : {}),
  };
}

function bindingOf(value: unknown): string {
  const binding = object(value);
  return `${text(binding['HostIp'])}:${text(binding['HostPort'])}`;
}

/** Older engines write `<none>:<none>` where there is no name. */
function references(value: unknown): readonly string[] {
  return texts(value).filter((reference) => !reference.startsWith('<none>'));
}

function texts(value: unknown): readonly string[] {
  return list(value).filter((item) => typeof item === 'string');
}

function textMap(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(object(value)).filter(([, item]) => typeof item === 'string')) as Record<string, string>;
}

/** The engine says it as uname does, images say it as Go does. */
function ociArchitecture(machine: string): string {
  const names: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64', armv7l: 'arm', armv6l: 'arm', i686: '386', i386: '386' };
  return names[machine] ?? machine;
}
