import { Failed, fail } from '../core/failure.js';
import { containerStateOf, containerSummaryOf, list, object, text } from './answers.js';
import { attachTo } from './attach.js';
import type { Connection } from './connection.js';
import { containerBody } from './container-body.js';
import { Demultiplexer } from './demultiplex.js';
import type { Container, ContainerSpec, ContainerSummary } from './engine.js';
import { execIn } from './exec.js';
import { asking, statusOf, unless } from './refusal.js';
import { readAll } from './transport.js';

/** Fails `not-found` when the image is not there. */
export async function createContainer(connection: Connection, spec: ContainerSpec): Promise<Container> {
  try {
    const docker = await connection.docker();
    const created = await docker.createContainer({ _query: spec.name === undefined ? {} : { name: spec.name }, _body: containerBody(spec) } as object);
    return containerFor(() => Promise.resolve(connection), created.id, { init: spec.init === true });
  } catch (error) {
    if (statusOf(error) !== 404) return await asking(`create a container of ${spec.image}`, () => Promise.reject(error));
    throw new Failed({ reason: 'not-found', message: `the engine has no image ${spec.image}` }, { cause: error });
  }
}

export async function listContainers({ transport }: Connection, labels: readonly string[]): Promise<readonly ContainerSummary[]> {
  const path = `/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify({ label: labels }))}`;
  return await asking('list its containers', async () => list((await transport.json({ method: 'GET', path })).value).map(containerSummaryOf));
}

/** How long a signal waits for a container's init, and how often it looks; ms. */
const INIT_PATIENCE = 5000;
const INIT_INTERVAL = 20;

/** A container by its id; whether it is there shows with the first call. `init`: known to run under the engine's init. */
export function containerFor(connecting: () => Promise<Connection>, id: string, { init = false } = {}): Container {
  let young = false;
  const path = `/containers/${encodeURIComponent(id)}`;
  const name = `container ${id.slice(0, 12)}`;
  const api = async () => (await (await connecting()).docker()).getContainer(id);
  const transport = async () => (await connecting()).transport;
  return {
    id,
    start: () => asking(`start ${name}`, async () => {
      await (await api()).start();
      young = init;
    }),
    exec: async (spec) => await execIn(await api(), name, spec),
    putArchive: (folder, tar) =>
      missingIs('not-found', `there is no folder ${folder} in ${name}`, () =>
        asking(`copy files into ${name}`, async () => void (await (await api()).putArchive(tar, { path: folder, noOverwriteDirNonDir: 'true' })))),
    getArchive: (file) =>
      asking(`copy files out of ${name}`, () => unless([404], undefined, async () => (await transport()).request({ method: 'GET', path: `${path}/archive?path=${encodeURIComponent(file)}` }).then(({ body }) => body))),
    attach: async (options) => await asking(`attach to ${name}`, async () => await attachTo(await api(), options)),
    resize: (columns, rows) => asking(`resize ${name}`, async () => void (await (await api()).resize({ w: columns, h: rows }))),
    // 409: it does not run (any more), which is what was asked for.
    kill: async (signal) => {
      if (young && signal !== 'SIGKILL') await initHasChild(await transport(), path);
      young = false;
      await asking(`send ${signal} to ${name}`, () => unless([404, 409], undefined, async () => void (await (await api()).kill({ signal }))));
    },
    stop: (seconds) => asking(`stop ${name}`, () => unless([404], undefined, async () => void (await (await api()).stop({ t: seconds })))),
    wait: () => asking(`wait for ${name}`, async () => exitCodeOf(await (await api()).wait())),
    inspect: () => asking(`inspect ${name}`, () => unless([404], undefined, async () => containerStateOf((await (await transport()).json({ method: 'GET', path: `${path}/json` })).value))),
    logs: (tail) => asking(`read the log of ${name}`, async () => await readLog(await transport(), path, tail)),
    remove: () => asking(`remove ${name}`, async () => await removeContainer(await transport(), path)),
  };
}

/** The kernel drops signals to a first process that has no handlers yet; the init has them before it starts the command. */
async function initHasChild(transport: Connection['transport'], path: string): Promise<void> {
  for (let waited = 0; waited < INIT_PATIENCE; waited += INIT_INTERVAL) {
    // Not running any more, or no `ps` on the engine's host: nothing to wait for.
    const answer = await transport.json({ method: 'GET', path: `${path}/top` }).catch(() => undefined);
    if (answer === undefined || list(object(answer.value)['Processes']).length > 1) return;
    await new Promise((resolve) => void setTimeout(resolve, INIT_INTERVAL));
  }
}

/** 409 means that somebody (AutoRemove, another process) removes it already: then its end is waited for. */
async function removeContainer(transport: Connection['transport'], path: string): Promise<void> {
  try {
    await transport.json({ method: 'DELETE', path: `${path}?force=1&v=1` });
  } catch (error) {
    if (statusOf(error) === 404) return;
    if (statusOf(error) !== 409) throw error;
    await unless([404], undefined, () => transport.json({ method: 'POST', path: `${path}/wait?condition=removed` }));
  }
}

async function readLog(transport: Connection['transport'], path: string, tail: number): Promise<readonly string[]> {
  const { value } = await transport.json({ method: 'GET', path: `${path}/json` });
  const { body } = await transport.request({ method: 'GET', path: `${path}/logs?stdout=1&stderr=1&tail=${tail}` });
  const raw = await readAll(body);
  if (object(object(value)['Config'])['Tty'] === true) return lines(raw);
  const chunks: Buffer[] = [];
  const keep = (chunk: Buffer) => void chunks.push(chunk);
  void new Demultiplexer({ stdout: keep, stderr: keep }).write(raw);
  return lines(Buffer.concat(chunks));
}

function lines(log: Buffer): readonly string[] {
  const all = log.toString('utf8').split(/\r?\n/);
  return all.at(-1) === '' ? all.slice(0, -1) : all;
}

function exitCodeOf(answer: unknown): { readonly exitCode: number } {
  const { StatusCode: code, Error: error } = object(answer);
  if (typeof code !== 'number') fail({ reason: 'engine', message: `the engine did not say how the container ended: ${text(object(error)['Message'], 'no status')}` });
  return { exitCode: code };
}

async function missingIs<T>(reason: 'not-found', message: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof Failed && statusOf(error.cause) === 404) throw new Failed({ reason, message }, { cause: error });
    throw error;
  }
}
