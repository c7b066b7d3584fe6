import { connectEngine } from '../../src/engine/connect.js';
import type { Engine } from '../../src/engine/engine.js';

/** An engine that contract suites run on. */
export interface TestEngine {
  readonly name: string;
  /** In the syntax of DOCKER_HOST; absent: where the environment says. */
  readonly host?: string;
  /** Has sh, tar and coreutils, and is there. */
  readonly image: string;
  /** Its containers can mount folders of this machine. */
  readonly binds: boolean;
}

const SECOND = process.env['WHEELWRIGHT_SECOND_ROOT'] ?? '/var/lib/wheelwright-test';

/** The machine's own engine, and a newer one with each of its image stores: `scripts/test` starts them, or `scripts/second-engine`. */
export const ENGINES: readonly TestEngine[] = [
  { name: 'the engine', image: 'debian:trixie-slim', binds: true },
  ...['graphdriver', 'containerd'].map((store) => ({ name: `the second engine (${store})`, host: `unix://${SECOND}/${store}/docker.sock`, image: 'debian:trixie-slim', binds: false })),
];

/** Connected; fails with what to do if it does not answer or lacks its image. Nothing is skipped. */
export async function connectTestEngine({ name, host, image }: TestEngine): Promise<Engine> {
  const engine = connectEngine(host === undefined ? {} : { host });
  const store = host?.split('/').at(-2);
  const advice = store === undefined ? 'start it' : `start it with \`scripts/second-engine start ${store}\``;
  const info = await engine.info().catch((error: unknown) => {
    throw new Error(`${name} does not answer: ${advice}`, { cause: error });
  });
  if (store !== undefined && info.imageStore !== store) throw new Error(`${name} has a ${info.imageStore} image store`);
  if ((await engine.image(image)) === undefined) throw new Error(`${name} has no image ${image}: ${advice}`);
  return engine;
}
