import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Project } from '../config/project.js';
import { parseReference } from '../docker/reference.js';
import { createRequester } from '../net/create-requester.js';
import type { HttpSettings } from '../net/settings.js';
import { createRegistryClient } from '../registry/create-client.js';
import { createCredentialFinder } from '../registry/find-credentials.js';
import type { RegistryAccess } from './session.js';

/** The real registry client, with the credentials of the environment and of Docker's configuration. */
export function openRegistry(project: Project, network: HttpSettings, signal: AbortSignal): RegistryAccess {
  const requester = createRequester(network);
  const ownRegistry = parseReference(`${project.registry ?? ''}/image`)?.registry;
  const credentials = createCredentialFinder({ env: process.env, dockerConfig, signal, ...(ownRegistry === undefined ? {} : { ownRegistry }) });
  return { credentials, client: createRegistryClient({ requester, credentials, insecure: project.network.insecureRegistries ?? [], now: Date.now, signal }) };
}

/** A file that can't be read is one that is not there: under sudo it may be another user's. */
async function dockerConfig(): Promise<{ readonly text: string; readonly path: string } | undefined> {
  const path = join(process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : { text, path };
}
