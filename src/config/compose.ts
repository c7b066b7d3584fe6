import { dirname, relative, resolve } from 'node:path';
import { fail } from '../core/failure.js';
import type { Place, Placed } from '../core/place.js';
import { nearest } from '../util/nearest.js';
import { namesOf, readDocument, serviceOf, type Wanted } from './compose-file.js';
import { member, mergeServices, parseService, textsOf, type ServiceEntry, type Surroundings } from './compose-service.js';
import { readEnvFile } from './env-file.js';
import type { MapNode, Node } from './node.js';
import { substitute, type Variables } from './variables.js';

/** What a service of a compose file runs. */
export interface ComposeService {
  readonly name: Placed<string>;
  /** Variables filled in. */
  readonly image?: Placed<string>;
  /** Absolute paths. */
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly profiles: readonly string[];
  /** False: none of its profiles is active, so compose would not start it. */
  readonly active: boolean;
}

export interface ComposeOptions {
  readonly cwd: string;
  /** For `${NAME}`; those of an `.env` beside the file count less. */
  readonly env: Variables;
  /** Active ones besides those in COMPOSE_PROFILES; `*` is all. */
  readonly profiles?: readonly string[];
}

/** The services of a compose file, of the files that it includes, and with what they extend. Fails `config`, with a place. */
export async function readCompose(file: string, { cwd, env, profiles = [] }: ComposeOptions): Promise<readonly ComposeService[]> {
  const path = resolve(cwd, file);
  const variables = { ...(await readEnvFile(resolve(dirname(path), '.env'))), ...env };
  const active = new Set([...profiles, ...(variables['COMPOSE_PROFILES'] ?? '').split(',').map((name) => name.trim())]);
  const reader = new ComposeReader(cwd);
  const services = await reader.services(path, { folder: dirname(path), variables }, { message: 'check the path given with --compose' });
  if (services.size === 0) {
    const shown = relative(cwd, path);
    fail({ reason: 'config', message: `${shown} has no services`, place: { file: shown, line: 1, column: 1 }, advice: 'name a compose file with --compose' });
  }
  return [...services.values()].map(({ name, image, build, folder, profiles: own }) => ({
    name,
    ...(image === undefined ? {} : { image }),
    ...(build === undefined ? {} : { build: pathsOf(build, folder) }),
    profiles: own,
    active: own.length === 0 || active.has('*') || own.some((profile) => active.has(profile)),
  }));
}

function pathsOf({ context, dockerfile = 'Dockerfile' }: NonNullable<ServiceEntry['build']>, folder: string): NonNullable<ComposeService['build']> {
  const absolute = context ?? folder;
  return { context: absolute, dockerfile: resolve(absolute, dockerfile) };
}

type Services = ReadonlyMap<string, ServiceEntry>;

class ComposeReader {
  private readonly documents = new Map<string, Promise<MapNode | undefined>>();
  /** Files and services that are being read; one that comes twice would never end. */
  private readonly open: string[] = [];

  constructor(private readonly cwd: string) {}

  /** Those of a file and of all that it includes; its own count more. */
  async services(path: string, surroundings: Surroundings, wanted: Wanted): Promise<Services> {
    return await this.once(this.shown(path), wanted.place, async () => {
      const root = await this.document(path, wanted);
      const found = new Map<string, ServiceEntry>();
      const included = root === undefined ? undefined : member(root, 'include');
      for (const entry of included?.type === 'list' ? included.items : []) {
        for (const [name, service] of await this.included(entry, dirname(path), surroundings.variables)) found.set(name, service);
      }
      for (const name of namesOf(root)) found.set(name, await this.service(path, name, surroundings));
      return found;
    });
  }

  /** Short form (a path) or long form (several paths are merged). */
  private async included(entry: Node, folder: string, outer: Variables): Promise<Services> {
    const settings = entry.type === 'map' ? entry : undefined;
    const given = (name: string): readonly Placed<string>[] =>
      textsOf(settings === undefined ? undefined : member(settings, name)).map(({ value, place }) => ({ value: substitute(value, outer), place }));
    const paths = settings === undefined ? textsOf(entry).map(({ value, place }) => ({ value: substitute(value, outer), place })) : given('path');
    const [first] = paths;
    if (first === undefined) return new Map();
    const own = resolve(folder, given('project_directory')[0]?.value ?? dirname(first.value));
    const files = settings !== undefined && member(settings, 'env_file') !== undefined ? given('env_file').map(({ value }) => resolve(folder, value)) : [resolve(own, '.env')];
    const inner = Object.assign({}, ...(await Promise.all(files.map(readEnvFile)))) as Variables;
    const found = new Map<string, ServiceEntry>();
    for (const { value, place } of paths) {
      const services = await this.services(resolve(folder, value), { folder: own, variables: { ...inner, ...outer } }, { message: 'check the path under `include`', place });
      for (const [name, service] of services) found.set(name, found.has(name) ? mergeServices(found.get(name)!, service) : service);
    }
    return found;
  }

  /** One with what it extends. */
  private async service(path: string, name: string, surroundings: Surroundings): Promise<ServiceEntry> {
    const entry = serviceOf(await this.document(path, { message: '' }), name)!;
    const own = parseService(entry.key, entry.value, surroundings);
    if (own.extends === undefined) return own;
    const { service, file } = own.extends;
    const other = file === undefined ? path : resolve(surroundings.folder, file.value);
    const root = await this.document(other, { message: 'check the path under `extends`', place: (file ?? service).place });
    if (serviceOf(root, service.value) === undefined) {
      const near = nearest(service.value, namesOf(root));
      fail({
        reason: 'config',
        message: `${this.shown(other)} has no service ${service.value}, which ${name} extends`,
        place: service.place,
        advice: near === undefined ? `its services are ${namesOf(root).join(', ') || 'none'}` : `did you mean ${near}?`,
      });
    }
    const base = await this.once(`${this.shown(other)} ${service.value}`, service.place, () =>
      this.service(other, service.value, file === undefined ? surroundings : { ...surroundings, folder: dirname(other) }),
    );
    return mergeServices(base, own);
  }

  private async once<T>(name: string, place: Place | undefined, work: () => Promise<T>): Promise<T> {
    if (this.open.includes(name)) {
      fail({ reason: 'config', message: `compose files that need each other: ${[...this.open.slice(this.open.indexOf(name)), name].join(' → ')}`, ...(place === undefined ? {} : { place }) });
    }
    this.open.push(name);
    const result = await work();
    this.open.pop();
    return result;
  }

  private document(path: string, wanted: Wanted): Promise<MapNode | undefined> {
    const known = this.documents.get(path);
    if (known !== undefined) return known;
    const reading = readDocument(path, this.shown(path), wanted);
    this.documents.set(path, reading);
    return reading;
  }

  private shown(path: string): string {
    return relative(this.cwd, path);
  }
}
