import { mkdir, mkdtemp } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createBuilders } from '../../src/builders/create-builders.js';
import type { BuildersOptions } from '../../src/builders/builders-options.js';
import type { Event } from '../../src/core/events.js';
import type { BuilderKey } from '../../src/core/identity.js';
import { connectEngine } from '../../src/engine/connect.js';
import { storeLabel } from '../../src/builders/labels.js';
import { MemoryStore } from '../../src/store/memory.js';
import { ENGINE_SOCKET } from './engine-proxy.js';

export const BUILDER_IMAGE = process.env['WHEELWRIGHT_TEST_BUILDER'] ?? 'wheelwright-test/builder';
/** The engine that `docker` itself would talk to. */
const HOST = process.env['DOCKER_HOST'];
/** Of an image that the tests share; any 64 hex digits. */
export const BUILDER_KEY = 'b'.repeat(64) as BuilderKey;
/** The bundle of the machine that runs the tests. */
export const CA = '/etc/ssl/certs/ca-certificates.crt';

/** Builders for a project folder of a test, with its events. Folders `project`, `caches` and `logs` are made in `dir`. */
export async function testBuilders(dir: string, overrides: Partial<BuildersOptions> = {}) {
  const events: Event[] = [];
  const folders = { root: join(dir, 'project'), store: join(dir, 'project', '.artifacts'), caches: join(dir, 'caches'), logs: join(dir, 'logs') };
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true });
  const temporary = (): Promise<string> => mkdtemp(join(dir, 'exchange-'));
  const builders = createBuilders({
    engine: connectEngine(HOST === undefined ? {} : { host: HOST }),
    store: new MemoryStore(),
    settings: { network: 'bridge', env: [] },
    network: { ca: CA, noProxy: [] },
    owner: { uid: process.geteuid!(), gid: process.getegid!() },
    folders: { ...folders, temporary },
    run: { id: runOf(dir), host: dir, isAlive: (id) => id === runOf(dir) },
    env: {},
    emit: (event) => events.push(event),
    signal: new AbortController().signal,
    resolveImage: () => Promise.resolve(BUILDER_IMAGE),
    ...overrides,
  });
  return { builders, events, folders };
}

/** Removes the volumes that builders of this folder left where their files travelled by archive: caches survive runs. */
export async function removeVolumes(dir: string, socketPath = ENGINE_SOCKET): Promise<void> {
  const { default: Docker } = await import('dockerode');
  const docker = new Docker({ socketPath });
  const prefix = `wheelwright-${storeLabel(dir, join(dir, 'project', '.artifacts')).slice(0, 12)}-`;
  const { Volumes: volumes } = await docker.listVolumes({ filters: { name: [prefix] } });
  await Promise.all(volumes.map(({ Name: name }) => docker.getVolume(name).remove()));
}

/** The run that the builders of this folder belong to, unless they are told another; a container's label names it. */
export function runOf(dir: string): string {
  return `run-${basename(dir)}`;
}
