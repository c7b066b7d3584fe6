import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { abortReason, Failed, fail } from '../core/failure.js';
import type { ImageId } from '../core/identity.js';
import { openSession } from './build-session.js';
import type { Connection } from './connection.js';
import type { UnpackOptions } from './engine.js';
import { grpcClient, type GrpcClient } from './grpc-client.js';
import { GrpcError } from './grpc-messages.js';
import { unpackDefinition } from './llb.js';
import { decode, encode } from './protobuf.js';
import { asking } from './refusal.js';

const SOLVE = '/moby.buildkit.v1.Control/Solve';
const PRUNE = '/moby.buildkit.v1.Control/Prune';
/** Of tidying up, and milliseconds between two. */
const TRIES = 4;
const PAUSE = 200;
/** The one that writes to the engine's image store. */
const EXPORTER = 'moby';

/** By BuildKit's own interface. Its cache has nothing of it afterwards. */
export async function unpackLayers(connection: Connection, { from, tars, tidying, signal }: UnpackOptions): Promise<ImageId> {
  const { transport } = connection;
  const mark = `wheelwright-${randomUUID()}`;
  const opens = new Map(tars.map((open, index) => [`/${mark}/${index}`, open]));
  return asking('unpack layers', async () => {
    const { os, architecture, imageStore } = await connection.info();
    if (imageStore === 'containerd') fail({ reason: 'build', message: 'layers are unpacked by the builder of an engine with a graph driver only' });
    const session = await openSession(transport, { upload: async (path) => opens.get(path)?.() }, signal);
    let client: GrpcClient | undefined;
    try {
      client = await grpcClient(await transport.upgrade({ method: 'POST', path: '/grpc', signal }, 'h2c'));
      // A host of that name means the session (BuildKit, source http).
      const definition = unpackDefinition({ from, urls: [...opens.keys()].map((path) => `http://buildkit-session${path}`), mark, platform: { os, architecture } });
      // SolveRequest: 1 ref, 2 definition, 3 exporter of releases that know one only, 5 session, 13 exporters. Exporter: 1 type.
      const [answer] = await client.call(SOLVE, encode({ 1: mark, 2: definition, 3: EXPORTER, 5: session.id, 13: [encode({ 1: EXPORTER })] }));
      return imageOf(answer);
    } catch (error) {
      signal?.throwIfAborted();
      const why = session.failure();
      if (why !== undefined) throw why;
      if (!(error instanceof GrpcError)) throw error;
      throw new Failed({ reason: 'build', message: `the engine could not unpack layers: ${error.message}` }, { cause: error });
    } finally {
      session.close();
      const ended = tidy(client, mark);
      if (tidying === undefined) await ended;
      else tidying(ended);
    }
  }, 'build').catch((error: unknown) => {
    throw signal?.aborted === true ? abortReason(signal) : error;
  });
}

/**
 * PruneRequest: 1 filter, 2 all; each answer is something that was removed. Right after a build all of it may still be held (once in some eighty calls, seen
 * on 28.5), so it is asked again. What can't be removed now is removed as anything of the cache that is old.
 */
async function tidy(client: GrpcClient | undefined, mark: string): Promise<void> {
  try {
    for (let tries = 0; tries < TRIES; tries += 1) {
      if (tries > 0) await setTimeout(PAUSE);
      const removed = await client?.call(PRUNE, encode({ 1: [`description~=${mark}`], 2: true }));
      if (removed?.length !== 0) return;
    }
  } catch {
    // The engine is gone, or does not remove anything.
  } finally {
    client?.close();
  }
}

/** SolveResponse: 1 a map of texts. */
function imageOf(answer: Buffer | undefined): ImageId {
  const said = new Map((answer === undefined ? [] : decode(answer).messages(1)).map(decode).map((entry) => [entry.text(1), entry.text(2)]));
  const id = said.get('containerimage.config.digest') ?? said.get('containerimage.digest') ?? '';
  return /^sha256:[0-9a-f]{64}$/.test(id) ? (id as ImageId) : fail({ reason: 'build', message: 'the engine unpacked layers and made no image of them' });
}
