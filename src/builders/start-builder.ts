import { join } from 'node:path';
import { Failed } from '../core/failure.js';
import type { BuilderKey } from '../core/identity.js';
import type { Attachment, Container, ContainerSpec, Mount } from '../engine/engine.js';
import { builderContainer } from './container-spec.js';
import type { BuildersOptions } from './builders-options.js';
import type { SharedFolder } from './exchanged-files.js';
import { INSIDE } from './inside.js';
import { LABELS, storeLabel } from './labels.js';
import { removeLeftovers } from './leftovers.js';
import { maskOf } from '../util/mask.js';
import { realFolder } from '../util/make-folder.js';
import { removeTree } from '../util/remove-tree.js';
import { prepareContainer, type Preparing } from './prepare.js';
import { bindsReach, knownReach } from './reach.js';
import { RunningBuilder } from './running-builder.js';

/** Removes what dead runs on this store left. */
export async function cleanUp(options: BuildersOptions): Promise<void> {
  await removeLeftovers(options.engine, storeOf(options), options.run.isAlive);
}

/** Creates, prepares and starts the container of one builder image; when that fails nothing is left. */
export async function startBuilder(options: BuildersOptions, { key, image }: { key: BuilderKey; image: string }): Promise<RunningBuilder> {
  const { engine, owner, emit } = options;
  emit({ type: 'step', subject: options.nameOf?.(key) ?? image, message: 'starting the builder container' });
  const { rootless } = await engine.info();
  // Root inside is the user outside, and every other user would be a stranger to the project's files.
  const user = rootless ? { uid: 0, gid: 0 } : { uid: owner.uid, gid: owner.gid };
  const caches = await cacheFolder(options, key);
  const common = { [LABELS.store]: storeOf(options), [LABELS.run]: options.run.id };
  const startBy = (transport: Transport): Promise<RunningBuilder> => startWith(options, transport, { key, image, user, caches, common });
  const known = await knownTransport(options, caches);
  if (known !== undefined) return startBy(known);
  // Nearly always they reach, and trying it takes about as long as the start.
  const guess = startBy('bind');
  const [found, guessed] = await Promise.allSettled([tryTransport(options, { image, caches, user, labels: common }), guess]);
  if (found.status === 'fulfilled' && found.value === 'bind') return guess;
  if (guessed.status === 'fulfilled') await guessed.value.close();
  if (found.status === 'rejected') throw found.reason;
  return startBy('archive');
}

type Transport = 'bind' | 'archive';

interface Starting {
  readonly key: BuilderKey;
  readonly image: string;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly caches: string;
  readonly common: Readonly<Record<string, string>>;
}

async function startWith(options: BuildersOptions, transport: Transport, { key, image, user, caches, common }: Starting): Promise<RunningBuilder> {
  const { settings, network, owner } = options;
  /** What is above the folder is not mounted: nothing in the container can replace it. */
  const shared = transport === 'bind' ? { inside: INSIDE.exchange, outside: await options.folders.temporary() } : undefined;
  const mounts = shared === undefined ? volumeMounts(options, key) : await bindMounts(options, caches, shared);
  const labels = { [LABELS.builder]: key, ...common };
  const spec = builderContainer({ image, user, settings, network, labels, mounts });
  const started = start(options, spec, { account: { ...user, name: owner.name ?? 'builder', home: INSIDE.home }, image, store: options.store, ca: network.ca });
  const { container, lifeline } = await started.catch(async (error: unknown) => {
    if (shared !== undefined) await removeTree(shared.outside);
    throw error;
  });
  const mask = maskOf([...Object.values(options.env), ...(options.secrets ?? [])]);
  return new RunningBuilder({ key, image, container, lifeline: lifeline.stdin, transport, mask, options, ...(shared === undefined ? {} : { shared }) });
}

/** A container that runs, and the connection that keeps it running. */
async function start(options: BuildersOptions, spec: ContainerSpec, preparing: Preparing): Promise<{ readonly container: Container; readonly lifeline: Attachment }> {
  const container = await create(options, spec);
  try {
    await prepareContainer(container, preparing);
    const lifeline = await container.attach({ stdin: true, tty: false });
    lifeline.stdout.on('error', ignore).resume();
    lifeline.stderr.on('error', ignore).resume();
    lifeline.stdin.on('error', ignore);
    await container.start();
    return { container, lifeline };
  } catch (error) {
    await container.remove().catch(ignore);
    throw shellMissing(error, spec.image);
  }
}

async function create({ engine }: BuildersOptions, spec: ContainerSpec): Promise<Container> {
  try {
    return await engine.createContainer(spec);
  } catch (error) {
    if (!(error instanceof Failed) || !error.has('not-found')) throw error;
    throw new Failed({ reason: 'not-found', message: `the engine does not have the builder image ${spec.image}`, advice: 'pull or build it, or name another builder in the project file' }, { cause: error });
  }
}

/** A refused start is nearly always an image without a shell (distroless, scratch) or with another architecture. */
function shellMissing(error: unknown, image: string): unknown {
  if (!(error instanceof Failed) || !error.has('engine') || error.cause === undefined) return error;
  return new Failed(error.problems.map((problem) => ({ ...problem, advice: problem.advice ?? `see whether ${image} has /bin/sh and is for this machine` })), { cause: error });
}

interface Probing {
  readonly image: string;
  readonly caches: string;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly labels: Readonly<Record<string, string>>;
}

async function knownTransport({ transport = 'auto', engine, store, owner }: BuildersOptions, folder: string): Promise<Transport | undefined> {
  if (transport !== 'auto') return transport;
  const reach = await knownReach({ engine, store, folder, uid: owner.uid });
  return reach === undefined ? undefined : reach ? 'bind' : 'archive';
}

async function tryTransport({ engine, store, owner, emit }: BuildersOptions, { image, caches, user, labels }: Probing): Promise<Transport> {
  const reach = await bindsReach({ engine, store, image, folder: caches, inside: user, uid: owner.uid, labels });
  if (!reach) emit({ type: 'step', subject: image, message: 'bind mounts do not reach this engine: files travel through its API' });
  return reach ? 'bind' : 'archive';
}

/** Caches of different builders are kept apart: package managers keep what they compiled in them. */
async function cacheFolder({ folders }: BuildersOptions, key: BuilderKey): Promise<string> {
  return realFolder(join(folders.caches, `builder-${key.slice(0, 16)}`));
}

/** Sources are made beforehand: what an engine makes itself belongs to root. */
async function bindMounts({ folders }: BuildersOptions, caches: string, shared: SharedFolder): Promise<readonly Mount[]> {
  const [home, cache] = [join(caches, 'home'), join(caches, 'cache')];
  await Promise.all([realFolder(home), realFolder(cache)]);
  return [
    { type: 'bind', source: home, target: INSIDE.home },
    { type: 'bind', source: cache, target: INSIDE.cache },
    { type: 'bind', source: folders.root, target: INSIDE.source, readOnly: true },
    { type: 'bind', source: shared.outside, target: shared.inside },
  ];
}

/** Where binds don't reach, HOME and caches live in volumes of the engine. */
function volumeMounts(options: BuildersOptions, key: BuilderKey): readonly Mount[] {
  const name = `wheelwright-${storeOf(options).slice(0, 12)}-${key.slice(0, 12)}-${options.owner.uid}`;
  return [
    { type: 'volume', source: `${name}-home`, target: INSIDE.home },
    { type: 'volume', source: `${name}-cache`, target: INSIDE.cache },
  ];
}

function storeOf({ run, folders }: BuildersOptions): string {
  return storeLabel(run.host, folders.store);
}

function ignore(): void {}
