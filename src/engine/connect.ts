import { readFile } from 'node:fs/promises';
import { Failed } from '../core/failure.js';
import type { EngineInfo, Engine } from './engine.js';
import { infoOf } from './answers.js';
import { buildImage } from './build.js';
import { containerFor, createContainer, listContainers } from './containers.js';
import type { Connection } from './connection.js';
import { DEFAULT_HOST, parseHost } from './host.js';
import { inspectDetails, inspectImage, listImages, removeImage, tagImage } from './images.js';
import { Modem } from './modem.js';
import { asking } from './refusal.js';
import { Transport } from './transport.js';
import { loadImages, pullImage, pushImage, saveImages } from './transfer.js';
import { unpackLayers } from './unpack.js';

export interface EngineOptions {
  /** In the syntax of DOCKER_HOST; default the engine's usual socket. */
  readonly host?: string | undefined;
  /** Folder with ca.pem, cert.pem and key.pem; given, a tcp host is spoken to with TLS. */
  readonly certPath?: string | undefined;
  /** How often an engine with open requests is asked whether it lives, and how long it may take; ms. */
  readonly heartbeat?: { readonly every: number; readonly patience: number };
}

/** An engine; nothing is asked of it, and no file read, before the first call. */
export function connectEngine(options: EngineOptions = {}): Engine {
  const connecting = once(() => connect(options));
  const via = <Arguments extends readonly unknown[], Result>(call: (connection: Connection, ...rest: Arguments) => Promise<Result>) => {
    return async (...rest: Arguments): Promise<Result> => call(await connecting(), ...rest);
  };
  return {
    address: options.host ?? DEFAULT_HOST,
    release: via(async ({ transport }) => transport.release),
    info: via((connection) => connection.info()),
    image: via(inspectImage),
    imageDetails: via(inspectDetails),
    images: via(listImages),
    pull: via(pullImage),
    build: via(buildImage),
    unpack: via(unpackLayers),
    tag: via(tagImage),
    removeImage: via(removeImage),
    load: via(loadImages),
    save: via(saveImages),
    push: via(pushImage),
    createContainer: via(createContainer),
    containers: via(listContainers),
    container: (id) => containerFor(connecting, id),
  };
}

async function connect({ host = DEFAULT_HOST, certPath, heartbeat }: EngineOptions): Promise<Connection> {
  const address = parseHost(host, certPath !== undefined);
  const tls = address.type === 'tcp' && address.tls && certPath !== undefined ? await readKeys(certPath) : undefined;
  const transport = new Transport({
    address,
    ...(tls === undefined ? {} : { tls }),
    heartbeat: heartbeat ?? { every: 20_000, patience: 60_000 },
  });
  return {
    transport,
    docker: once(async () => {
      const { default: Docker } = await import('dockerode');
      return new Docker({ modem: new Modem(transport) } as object);
    }),
    info: once(() => readInfo(transport)),
  };
}

async function readInfo(transport: Transport): Promise<EngineInfo> {
  return await asking('say what it is', async () => {
    const { value, headers } = await transport.json({ method: 'GET', path: '/info' });
    return infoOf(value, String(headers['api-version']));
  });
}

async function readKeys(certPath: string) {
  try {
    const [ca, cert, key] = await Promise.all(['ca', 'cert', 'key'].map((name) => readFile(`${certPath}/${name}.pem`, 'utf8')));
    return { ca: ca!, cert: cert!, key: key! };
  } catch (error) {
    throw new Failed({
      reason: 'engine',
      message: `the keys for the engine with TLS cannot be read: ${(error as Error).message}`,
      advice: 'put ca.pem, cert.pem and key.pem into the folder named by DOCKER_CERT_PATH',
    }, { cause: error });
  }
}

/** The first call's result for all; a failure is not remembered. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= make().catch((error: unknown) => {
      result = undefined;
      throw error;
    });
    return result;
  };
}
