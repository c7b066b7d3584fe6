import { createHash } from 'node:crypto';
import { fail } from '../core/failure.js';
import type { EngineOptions } from './connect.js';
import { DEFAULT_HOST } from './host.js';

/** Values of the variables that Docker's own client reads, and how to read its configuration files. */
export interface ContextSources {
  /** DOCKER_HOST. */
  readonly host?: string | undefined;
  /** DOCKER_CONTEXT. */
  readonly context?: string | undefined;
  /** DOCKER_TLS_VERIFY: any value but the empty one means TLS. */
  readonly tlsVerify?: string | undefined;
  /** DOCKER_CERT_PATH. */
  readonly certPath?: string | undefined;
  /** DOCKER_CONFIG, or `~/.docker`. */
  readonly configFolder: string;
  /** Undefined when the file is not there. */
  readonly readFile: (path: string) => Promise<string | undefined>;
}

/**
 * Finds the engine that `docker` itself would talk to: DOCKER_HOST, else the context named by DOCKER_CONTEXT, else
 * `currentContext` of config.json, else the default socket.
 */
export async function engineFromContext(sources: ContextSources): Promise<EngineOptions> {
  if (nonEmpty(sources.host)) {
    const tls = nonEmpty(sources.tlsVerify);
    return { host: sources.host, ...(tls ? { certPath: sources.certPath ?? sources.configFolder } : {}) };
  }
  const name = nonEmpty(sources.context) ? sources.context : await currentContext(sources);
  return name === undefined || name === 'default' ? { host: DEFAULT_HOST } : await contextEngine(name, sources);
}

async function currentContext({ configFolder, readFile }: ContextSources): Promise<string | undefined> {
  const config = parse(await readFile(`${configFolder}/config.json`));
  return nonEmpty(config?.['currentContext']) ? config['currentContext'] : undefined;
}

/** Contexts live at `contexts/meta/<sha256 of the name>/meta.json`, their keys at `contexts/tls/<same>/docker/`. */
async function contextEngine(name: string, { configFolder, readFile }: ContextSources): Promise<EngineOptions> {
  const id = createHash('sha256').update(name).digest('hex');
  const meta = parse(await readFile(`${configFolder}/contexts/meta/${id}/meta.json`));
  const endpoint = record(record(meta?.['Endpoints'])?.['docker']);
  const host = endpoint?.['Host'];
  if (!nonEmpty(host)) {
    return fail({
      reason: 'engine',
      message: `the docker context "${name}" does not exist or names no engine`,
      advice: 'choose one with `docker context use`, or set DOCKER_HOST',
    });
  }
  const certPath = `${configFolder}/contexts/tls/${id}/docker`;
  const hasKeys = (await readFile(`${certPath}/ca.pem`)) !== undefined;
  return { host, ...(hasKeys ? { certPath } : {}) };
}

function parse(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    return text === undefined ? undefined : record(JSON.parse(text));
  } catch {
    return undefined; // as docker's own client, which warns and goes on
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}

function nonEmpty(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
