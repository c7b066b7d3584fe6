import type { Readable } from 'node:stream';
import { Failed, fail } from '../core/failure.js';
import type { ImageId } from '../core/identity.js';
import { object, text } from './answers.js';
import { openSession } from './build-session.js';
import type { OpenSession } from './build-session.js';
import { BuildkitTrace } from './buildkit-trace.js';
import type { Connection } from './connection.js';
import type { BuildOptions } from './engine.js';
import { inspectImage } from './images.js';
import { ErrorFrame, foldFrames, statusLine } from './json-stream.js';
import type { Frame } from './json-stream.js';
import { asking } from './refusal.js';

/** How many lines of a failed build go into its failure. */
const TAIL = 40;
/** How many images may be lost to one build: somebody who removes images removes many, one after the other. */
const MOST_LOST = 10;

/**
 * Builds with the engine's own builder, the context as the request's body. Fails `build` with the last lines of output.
 * The classic builder does not hold on to the images of its cache, and one `FROM scratch` looks at every image that the
 * engine has: a build that lost one to somebody's removal of images is begun again.
 */
export async function buildImage(connection: Connection, options: BuildOptions): Promise<ImageId> {
  const lost = new Set<ImageId>();
  for (;;) {
    try {
      return await buildOnce(connection, options);
    } catch (error) {
      if (options.backend !== 'classic' || options.signal?.aborted === true || lost.size === MOST_LOST) throw error;
      const id = await lostImage(connection, error);
      // An image that is missed a second time was not removed during the build: it would be missed for ever.
      if (id === undefined || lost.has(id)) throw error;
      lost.add(id);
      options.onLine?.('An image that the build cache had was removed meanwhile: building again');
    }
  }
}

/** The words differ with where the builder missed it; the id of an image that is not there is in all of them. */
async function lostImage(connection: Connection, error: unknown): Promise<ImageId | undefined> {
  const cause = error instanceof Failed ? causeOf(error) : undefined;
  if (cause === undefined || cause.exitCode !== undefined) return undefined;
  const id = /sha256:[0-9a-f]{64}/.exec(cause.message)?.[0] as ImageId | undefined;
  return id !== undefined && (await inspectImage(connection, id)) === undefined ? id : undefined;
}

function causeOf(error: Error): ErrorFrame | undefined {
  const { cause } = error;
  return cause instanceof ErrorFrame ? cause : cause instanceof Error ? causeOf(cause) : undefined;
}

/** A session lives as long as its build. */
async function buildOnce(connection: Connection, options: BuildOptions): Promise<ImageId> {
  const output = new BuildOutput(options.onLine);
  const what = `build ${options.tags[0] ?? options.dockerfile}`;
  let session: OpenSession | undefined;
  try {
    await asking(what, async () => {
      const docker = await connection.docker();
      if (options.session !== undefined) session = await openSession(connection.transport, options.session, options.signal);
      const body = await docker.buildImage(options.context() as NodeJS.ReadableStream, queryOf(options, session)) as Readable;
      await foldFrames(body, { what, reason: 'build', onFrame: (frame) => output.read(frame) });
    }, 'build');
  } catch (error) {
    output.end();
    if (!(error instanceof Failed) || !error.has('build')) throw error;
    const problems = error.problems.map((problem) => ({ ...problem, detail: output.tail }));
    throw new Failed([...(session?.failure()?.problems ?? []), ...problems], { cause: error });
  } finally {
    session?.close();
  }
  output.end();
  return output.id ?? fail({ reason: 'build', message: `the engine finished without an image: ${what}`, detail: output.tail });
}

function queryOf(options: BuildOptions, session: OpenSession | undefined): object {
  const { auths = [] } = options;
  return {
    t: options.tags,
    dockerfile: options.dockerfile,
    labels: options.labels ?? {},
    buildargs: options.buildArgs ?? {},
    ...(options.target === undefined ? {} : { target: options.target }),
    ...(options.network === undefined ? {} : { networkmode: options.network }),
    ...(options.platform === undefined ? {} : { platform: options.platform }),
    ...(options.cacheFrom === undefined ? {} : { cachefrom: options.cacheFrom }),
    ...(options.noCache === true ? { nocache: true } : {}),
    rm: true,
    forcerm: true,
    // A number: with the text '2' dockerode would open a session of its own, which hands its credentials to any host.
    ...(options.backend === 'buildkit' ? { version: 2 } : {}),
    ...(session === undefined ? {} : { session: session.id }),
    ...(auths.length === 0 ? {} : { registryconfig: Object.fromEntries(auths.map((auth) => [auth.serverAddress, credentials(auth)])) }),
    ...(options.signal === undefined ? {} : { abortSignal: options.signal }),
  };
}

function credentials({ username, password, identityToken }: NonNullable<BuildOptions['auths']>[number]): object {
  return { username, password, identitytoken: identityToken };
}

/** Lines and image id out of the frames of either backend. */
class BuildOutput {
  id: ImageId | undefined;
  readonly tail: string[] = [];
  private readonly trace = new BuildkitTrace();
  private partial = '';

  constructor(private readonly onLine: ((line: string) => void) | undefined) {}

  read(frame: Frame): void {
    if (frame.id === 'moby.buildkit.trace') {
      for (const line of this.trace.read(Buffer.from(text(frame.aux), 'base64'))) this.line(line);
      return;
    }
    const id = text(object(frame.aux)['ID']);
    if (/^sha256:[0-9a-f]{64}$/.test(id)) this.id = id as ImageId;
    const lines = (this.partial + (frame.stream ?? '')).split(/\r?\n/);
    this.partial = lines.pop() ?? '';
    for (const line of lines) this.line(line);
    const status = statusLine(frame);
    if (status !== undefined) this.line(status);
  }

  end(): void {
    for (const line of [...this.trace.end(), this.partial]) if (line !== '') this.line(line);
    this.partial = '';
  }

  private line(line: string): void {
    this.tail.push(line);
    if (this.tail.length > TAIL) this.tail.shift();
    this.onLine?.(line);
  }
}
