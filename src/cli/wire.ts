import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { availableParallelism, homedir, hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { createBuilders } from '../builders/create-builders.js';
import { LABELS, storeLabel } from '../builders/labels.js';
import { removeLeftoverImages, removeLeftovers } from '../builders/leftovers.js';
import { createCommandKind } from '../command/kind.js';
import type { Project } from '../config/project.js';
import type { Emit } from '../core/events.js';
import { Failed, type Problem } from '../core/failure.js';
import type { Placed } from '../core/place.js';
import { connectEngine, type EngineOptions } from '../engine/connect.js';
import { engineFromContext } from '../engine/docker-context.js';
import { createImagePlanner } from '../images/create-planner.js';
import { createHttp } from '../net/create-http.js';
import { createNodeKind } from '../node/kind.js';
import { createPythonKind } from '../python/kind.js';
import { createArtifacts } from '../run/artifacts.js';
import type { World } from '../run/world.js';
import { cleanLeftovers, findDead } from '../store/leftovers.js';
import { openStore, type LocalStore } from '../store/local.js';
import { collectBuffers } from './collect-buffers.js';
import { takeExtraCa } from './extra-ca.js';
import { loadProject } from './load-project.js';
import type { GlobalOptions, Outcome } from './options.js';
import { becomeOwner } from './owner.js';
import { createRenderer } from './render/create.js';
import { readRevision } from './revision.js';
import type { RegistryAccess, Result, Session } from './session.js';
import { onSignals, type Interruption } from './signals.js';
import { noteWork } from './worked.js';

type Options = GlobalOptions & Readonly<Record<string, unknown>>;

/** Before any program is started. */
const EXTRA_CA = takeExtraCa(process.env);

interface WorldOptions {
  readonly tagged?: boolean;
  readonly released?: boolean;
}

/**
 * Reads the project, builds the real world around it, runs the action, and closes everything whatever happens. `tagged`:
 * images get tags of the git revision; the others don't pay for asking git. `released`: images are for others.
 */
export async function withWorld(
  options: Options,
  action: (session: Session) => Promise<Result>,
  { tagged = false, released = false }: WorldOptions = {},
): Promise<Outcome> {
  return withStore(options, async (base) => {
    const { project, store, owner, emit, interruption, run } = base;
    const jobs = options.jobs ?? availableParallelism();
    const engine = connectEngine(base.engine);
    const http = createHttp({ ...networkOf(project), offline: options.offline, emit });
    const references = new Map<string, Placed<string>>();
    let access: RegistryAccess | undefined;
    const label = storeLabel(hostname(), store.dir);
    const containerLabels = async () => {
      await store.processes.register();
      await removeLeftovers(engine, label, (id) => store.processes.isAlive(id));
      return { 'wheelwright.project': project.name, [LABELS.store]: label, [LABELS.run]: run };
    };
    const builders = createBuilders({
      engine,
      store,
      settings: project.builders,
      network: project.network,
      owner,
      folders: { root: project.root, store: store.dir, caches: await store.cacheDir('builders'), logs: join(await store.logDir(), run), temporary: () => store.tempDir('exchange') },
      run: { id: run, host: hostname(), isAlive: (id) => store.processes.isAlive(id) },
      env: namedValues(project.builders.env),
      secrets: secretsOf(project),
      emit,
      signal: interruption.signal,
      resolveImage: async (key) => {
        // Known to be alive before it owns a container: another run removes those of the dead.
        await store.processes.register();
        return images.ensureBuilder(references.get(key) as Placed<string>);
      },
      onUnknown: () => http.prepare(),
      nameOf: (key) => references.get(key)?.value,
    });
    const revision = tagged ? readRevision(project.root) : undefined;
    // Whoever needs it waits for it, and gets its failure.
    revision?.catch(() => undefined);
    const images = createImagePlanner(project, {
      engine,
      store,
      emit,
      signal: interruption.signal,
      offline: options.offline,
      jobs,
      artifactKey: async (name) => (await artifacts.plan(name)).key,
      artifact: async (name) => (await artifacts.ensure(name)).artifact,
      artifactInputs: (name) => artifacts.inputs(name),
      // Removing a container takes a while, and images can be assembled meanwhile; the end waits for it.
      artifactsMade: () => void builders.release().catch(() => undefined),
      forget: () => artifacts.forget(),
      env: namedValues(['SSH_AUTH_SOCK', ...secretVariables(project)]),
      credentials: async (name) => (access ??= await registry()).credentials(name),
      statCache: join(await store.cacheDir('stat'), 'context.json'),
      ...(revision === undefined ? {} : { revision }),
      tags: (options['tag'] as string[] | undefined) ?? [],
      ...(options['latest'] === false ? { latest: false } : {}),
      ...(options['engineBuild'] === true ? { engineBuild: true } : {}),
      ...(options['canonical'] === true ? { canonical: true } : {}),
      ...(released ? { released } : {}),
      containerLabels,
      ahead: {
        parts: (name, listener) => artifacts.parts(name, listener),
        labels: async () => ({ ...(await containerLabels()), [LABELS.ahead]: 'true' }),
      },
    });
    const world: World = {
      project,
      store,
      engine,
      http,
      builders,
      kinds: { python: createPythonKind(), node: createNodeKind(), command: createCommandKind(project.artifacts) },
      images: {
        ...images,
        // Builder containers are opened by key; which image has that key is known from here on.
        builderKey: async (reference) => {
          const key = await images.builderKey(reference);
          references.set(key, reference);
          return key;
        },
      },
      hostEnv: process.env,
      offline: options.offline,
      jobs,
      emit,
      signal: interruption.signal,
      now: Date.now,
    };
    const artifacts = createArtifacts(world);
    const registry = async () => {
      const { openRegistry } = await import('./registry.js');
      return openRegistry(project, { ...networkOf(project), offline: options.offline, emit }, interruption.signal);
    };
    try {
      return await store.withShared(() => action({ world, artifacts, owner, containerLabels, registry }));
    } finally {
      await builders.close();
    }
  });
}

export interface StoreSession {
  readonly project: Project;
  readonly store: LocalStore;
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly emit: Emit;
  readonly interruption: Interruption;
  readonly engine: EngineOptions;
  /** Unique; the store knows by it whether the run lives. */
  readonly run: string;
}

/** For commands that need the project and its store only. */
export async function withStore(options: Options, action: (session: StoreSession) => Promise<Result>): Promise<Outcome> {
  const project = await loadProject(options);
  const engine = await engineOptions();
  const owner = becomeOwner(project.root, socketOf(engine));
  // What we write must not depend on the caller's umask.
  process.umask(0o022);
  collectBuffers();
  const renderer = await createRenderer(options, process.stderr);
  const emit: Emit = (event) => {
    noteWork(event);
    renderer.event(event);
  };
  const interruption = onSignals();
  const run = randomUUID();
  let store: LocalStore | undefined;
  try {
    const result = await interruptible(interruption, async () => {
      store = await openStore(storeFolder(options, project), {
        emit,
        now: Date.now,
        self: { token: run, pid: process.pid, host: hostname(), command: `artifacts ${process.argv[2] ?? ''}`.trim(), uid: process.geteuid?.() },
      });
      await cleanUp(store, engine);
      return await action({ project, store, owner, emit, interruption, engine, run });
    }).finally(() => {
      renderer.close();
      interruption.release();
    });
    return result.after === undefined ? result : await result.after();
  } finally {
    await store?.close();
  }
}

/** Removes what killed runs left. An engine is asked only if there was one, and it need not be there. */
async function cleanUp(store: LocalStore, options: EngineOptions): Promise<void> {
  if (findDead(store).length > 0) {
    const left = [connectEngine(options), storeLabel(hostname(), store.dir), (id: string) => store.processes.isAlive(id)] as const;
    await Promise.all([removeLeftovers(...left), removeLeftoverImages(...left)]).catch((error: unknown) => {
      if (!(error instanceof Failed)) throw error;
    });
  }
  await cleanLeftovers(store);
}

/** A run that was told to stop ends with the signal's status, whatever its parts threw on the way down. */
async function interruptible(interruption: Interruption, work: () => Promise<Result>): Promise<Result> {
  try {
    const result = await work();
    const status = interruption.status();
    if (status === undefined) return result;
    const { after: _, ...outcome } = result;
    return { ...outcome, problems: interrupted(outcome.problems), status };
  } catch (error) {
    const status = interruption.status();
    if (status === undefined) throw error;
    return { data: {}, problems: interrupted(error instanceof Failed ? error.problems : []), status };
  }
}

/** Every part that was at work says that it was interrupted: once is enough. */
function interrupted(problems: readonly Problem[] = []): Problem[] {
  return [...problems.filter(({ reason }) => reason !== 'interrupted'), { reason: 'interrupted', message: 'interrupted; what was finished is kept' }];
}

function namedValues(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name] as string]])));
}

/** Names of the variables that images' secrets lie in. */
function secretVariables(project: Project): string[] {
  const sources = [...project.images.values()].flatMap(({ secrets }) => Object.values(secrets));
  return sources.flatMap((source) => ('env' in source ? [source.env] : []));
}

/** Values of every variable that some artifact may read: none of them may be shown. */
function secretsOf(project: Project): string[] {
  return Object.values(namedValues([...project.artifacts.values()].flatMap((spec) => [...spec.env])));
}

function storeFolder(options: Options, project: Project): string {
  const named = options.store ?? process.env['ARTIFACTS_STORE'];
  return named === undefined || named === '' ? project.store : resolve(process.cwd(), named);
}

function networkOf(project: Project) {
  const { ca, proxy, noProxy, timeout, retries } = project.network;
  return {
    noProxy,
    ...(ca === undefined ? {} : { ca }),
    ...(EXTRA_CA === undefined ? {} : { extraCa: EXTRA_CA }),
    ...(proxy === undefined ? {} : { proxy }),
    ...(timeout === undefined ? {} : { timeouts: { read: timeout * 1000, connect: Math.min(timeout * 1000, 15_000) } }),
    ...(retries === undefined ? {} : { retries }),
  };
}

function engineOptions(): Promise<EngineOptions> {
  return engineFromContext({
    host: process.env['DOCKER_HOST'],
    context: process.env['DOCKER_CONTEXT'],
    tlsVerify: process.env['DOCKER_TLS_VERIFY'],
    certPath: process.env['DOCKER_CERT_PATH'],
    configFolder: process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'),
    // A configuration that can't be read is one that is not there: under sudo it may be another user's.
    readFile: (path) => readFile(path, 'utf8').catch(() => undefined),
  });
}

function socketOf(engine: EngineOptions): string | undefined {
  return engine.host?.startsWith('unix://') === true ? engine.host.slice('unix://'.length) : undefined;
}
