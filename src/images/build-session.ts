import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { resolve } from 'node:path';
import type { ImageSpec, Project } from '../config/project.js';
import { fail } from '../core/failure.js';
import { parseReference } from '../docker/reference.js';
import type { BuildSession } from '../engine/engine.js';
import type { CredentialFinder } from '../registry/credentials.js';
import { registryOf } from '../registry/docker-config.js';
import { maskOf, type Mask } from '../util/mask.js';
import { registryAuth } from './registry-auth.js';
import type { ImageNode } from './node.js';

export interface SessionSources {
  readonly project: Project;
  /** Values of the variables that secrets name, and SSH_AUTH_SOCK. */
  readonly env: Readonly<Record<string, string>>;
  readonly credentials: CredentialFinder | undefined;
}

export interface Answers {
  readonly session: BuildSession;
  /** Hides the secrets that were handed out so far. */
  readonly mask: Mask;
  /** Fails `config` if an agent is not there: BuildKit would quietly build without it. */
  checkAgents(): Promise<void>;
}

/** BuildKit takes no more. */
const LARGEST_SECRET = 500 * 1024;

/**
 * What the builder of this image may ask for: the secrets and SSH agents that the image's settings name, and credentials
 * for the registries that its Dockerfile names. Read when asked for.
 */
export function sessionFor(node: ImageNode, { project, env, credentials }: SessionSources): Answers {
  const { spec } = node;
  const given: string[] = [];
  const agents = spec.ssh.map((text) => text.split(/=(.*)/s));
  let mask: Mask = (line) => line;
  const secret = async (id: string): Promise<Buffer | undefined> => {
    if (!Object.hasOwn(spec.secrets, id)) return undefined;
    const value = await readSecret(id, spec, { project, env });
    given.push(value.toString('utf8'));
    mask = maskOf(given);
    return value;
  };
  const sshAgent = async (id: string): Promise<Socket | undefined> => {
    const found = agents.find(([name]) => name === id);
    return found === undefined ? undefined : connectAgent(id, found[1] ?? env['SSH_AUTH_SOCK'], { spec, project });
  };
  const named = registriesOf(node, project);
  return {
    session: {
      ...(Object.keys(spec.secrets).length === 0 ? {} : { secret }),
      ...(spec.ssh.length === 0 ? {} : { sshAgent }),
      ...(credentials === undefined ? {} : {
        credentials: async (host) => {
          const registry = registryOf(host);
          return named.has(registry) ? registryAuth(registry, await credentials(registry)) : undefined;
        },
      }),
    },
    mask: (line) => mask(line),
    checkAgents: async () => {
      for (const [id] of agents) (await sshAgent(id!))?.destroy();
    },
  };
}

async function readSecret(id: string, spec: ImageSpec, { project, env }: Pick<SessionSources, 'project' | 'env'>): Promise<Buffer> {
  const source = spec.secrets[id]!;
  const what = `the secret "${id}" of the image "${spec.name}"`;
  if ('env' in source) {
    const value = env[source.env];
    if (value !== undefined) return checked(Buffer.from(value));
    return fail({ reason: 'config', message: `${what} is in the environment variable ${source.env}, which is not set`, place: spec.place, advice: `set ${source.env}` });
  }
  return checked(await readFile(resolve(project.root, source.file)).catch((error: NodeJS.ErrnoException) =>
    fail({ reason: 'config', message: `${what} cannot be read: ${source.file} (${error.code ?? 'unknown error'})`, place: spec.place, advice: 'a relative path is relative to the folder of the project file' })));

  function checked(value: Buffer): Buffer {
    if (value.length <= LARGEST_SECRET) return value;
    return fail({ reason: 'config', message: `${what} is larger than 500 KiB, which BuildKit does not take`, place: spec.place });
  }
}

async function connectAgent(id: string, path: string | undefined, { spec, project }: { readonly spec: ImageSpec; readonly project: Project }): Promise<Socket> {
  const what = `the SSH agent "${id}" of the image "${spec.name}"`;
  if (path === undefined || path === '') {
    return fail({ reason: 'config', message: `${what} is not there: SSH_AUTH_SOCK is not set`, place: spec.place, advice: `start one (ssh-agent, ssh-add), or write ${id}=SOCKET` });
  }
  const socket = connect(resolve(project.root, path));
  return await new Promise<Socket>((settle, reject) => {
    socket.once('connect', () => settle(socket));
    socket.once('error', (error: NodeJS.ErrnoException) => reject(error));
  }).catch((error: NodeJS.ErrnoException) =>
    fail({ reason: 'config', message: `${what} does not answer at ${path} (${error.code ?? 'unknown error'})`, place: spec.place, advice: 'name the socket of an agent; keys are added to an agent with ssh-add' }));
}

/** Those of the images that the build may read. */
function registriesOf({ spec, bases, edges, resolved }: ImageNode, project: Project): ReadonlySet<string> {
  const parents = edges.map(({ to }) => project.images.get(to)?.repository ?? '');
  const { syntax } = resolved.dockerfile.directives;
  const references = [...bases.map(({ reference }) => reference), ...parents, ...spec.cacheFrom, ...(syntax === undefined ? [] : [syntax])];
  return new Set(references.map((reference) => registryOf(parseReference(reference)?.registry ?? 'docker.io')));
}
