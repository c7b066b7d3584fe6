import { fail } from '../core/failure.js';
import { askHelper } from './credential-helper.js';
import { parsePair, type CredentialFinder, type Credentials } from './credentials.js';
import { addressOf, parseDockerConfig, type DockerConfig } from './docker-config.js';

export interface CredentialSources {
  /** Values of the environment; read: ARTIFACTS_REGISTRY_AUTH, ARTIFACTS_REGISTRY_AUTH_<HOST>, DOCKER_AUTH_CONFIG. Handed to helpers. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The registry that ARTIFACTS_REGISTRY_AUTH is for: the project's. */
  readonly ownRegistry?: string;
  /** Text of Docker's `config.json`, and its path for messages; asked for only when needed. */
  readonly dockerConfig?: () => Promise<{ readonly text: string; readonly path: string } | undefined>;
  /** Milliseconds for a credential helper. Default 60 s. */
  readonly helperTimeout?: number;
  readonly signal?: AbortSignal;
}

const VARIABLE = 'ARTIFACTS_REGISTRY_AUTH';

/**
 * Credentials, the first that there are of: the host's own variable, the project registry's variable, DOCKER_AUTH_CONFIG,
 * Docker's configuration (the host's helper, else the general one, else what the file holds). Each registry is asked for once.
 */
export function createCredentialFinder(sources: CredentialSources): CredentialFinder {
  const { env, dockerConfig } = sources;
  const found = new Map<string, Promise<Credentials | undefined>>();
  let config: Promise<DockerConfig | undefined> | undefined;
  return (registry) => {
    const known = found.get(registry) ?? find(registry);
    found.set(registry, known);
    return known;
  };

  async function find(registry: string): Promise<Credentials | undefined> {
    const variable = `${VARIABLE}_${registry.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
    const named = fromVariable(variable) ?? (registry === sources.ownRegistry ? fromVariable(VARIABLE) : undefined);
    if (named !== undefined) return named;
    const inline = env['DOCKER_AUTH_CONFIG'];
    const given = inline === undefined || inline === '' ? undefined : parseDockerConfig(inline, 'DOCKER_AUTH_CONFIG').auths.get(registry);
    if (given !== undefined) return given;
    config ??= readConfig();
    const settings = await config;
    if (settings === undefined) return undefined;
    const helper = settings.helpers.get(registry) ?? settings.store;
    const helped = helper === undefined ? undefined : await ask(helper, registry);
    return helped ?? settings.auths.get(registry);
  }

  function fromVariable(name: string): Credentials | undefined {
    const value = env[name];
    if (value === undefined || value === '') return undefined;
    return parsePair(value) ?? fail({ reason: 'config', message: `the environment variable ${name} is not of the form user:password`, advice: `set ${name} to the user name, a colon and the password or token` });
  }

  async function readConfig(): Promise<DockerConfig | undefined> {
    const file = await dockerConfig?.();
    return file === undefined ? undefined : parseDockerConfig(file.text, file.path);
  }

  function ask(helper: string, registry: string): Promise<Credentials | undefined> {
    const { helperTimeout = 60_000, signal } = sources;
    return askHelper(helper, addressOf(registry), { env, timeout: helperTimeout, ...(signal === undefined ? {} : { signal }) });
  }
}
