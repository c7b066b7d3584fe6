import type { Readable } from 'node:stream';
import { Failed, fail } from '../core/failure.js';
import { object, text } from './answers.js';
import type { Connection } from './connection.js';
import type { ImageInfo, LoadOptions, PullOptions, PushOptions, RegistryAuth } from './engine.js';
import { inspectImage } from './images.js';
import { foldFrames, statusLine } from './json-stream.js';
import type { Frame } from './json-stream.js';
import { splitTag } from './reference.js';
import { asking, statusOf } from './refusal.js';

/** Fails `not-found` for an image that its registry does not have or does not show, `registry` for every other refusal. */
export async function pullImage(connection: Connection, reference: string, options: PullOptions = {}): Promise<ImageInfo> {
  const what = `pull ${reference}`;
  try {
    const docker = await connection.docker();
    const { repository, tag } = splitTag(reference);
    const request = { fromImage: repository, tag: tag ?? (reference.includes('@') ? undefined : 'latest'), platform: options.platform, abortSignal: options.signal };
    const body = await docker.createImage(authOf(options.auth), request) as Readable;
    await foldFrames(body, { what, reason: 'registry', onFrame: (frame) => tell(frame, options.onProgress) });
  } catch (error) {
    if (statusOf(error) === 404) {
      throw new Failed({
        reason: 'not-found',
        message: `could not pull ${reference}: ${(error as Error).message}`,
        advice: 'check its name; for a private image log in with `docker login`',
      }, { cause: error });
    }
    return await asking(what, () => Promise.reject(error), 'registry');
  }
  return (await inspectImage(connection, reference)) ?? fail({ reason: 'engine', message: `the engine pulled ${reference} but does not have it` });
}

/** Resolves to the manifest's digest, `sha256:…`. */
export async function pushImage(connection: Connection, reference: string, options: PushOptions = {}): Promise<{ digest: string }> {
  const what = `push ${reference}`;
  let digest = '';
  await asking(what, async () => {
    const docker = await connection.docker();
    const { repository, tag = 'latest' } = splitTag(reference);
    // The header must be there even when there is nothing to say.
    const auth = authOf(options.auth) ?? {};
    const body = await docker.getImage(repository).push({ tag, authconfig: auth, abortSignal: options.signal! }) as Readable;
    await foldFrames(body, {
      what,
      reason: 'registry',
      onFrame: (frame) => {
        // With a containerd image store it is in a status line only.
        digest = text(object(frame.aux)['Digest'], /digest: (sha256:[0-9a-f]{64})/.exec(frame.status ?? '')?.[1] ?? digest);
        tell(frame, options.onProgress);
      },
    });
  }, 'registry');
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) fail({ reason: 'registry', message: `the engine pushed ${reference} but named no digest` });
  return { digest };
}

/**
 * A refused archive fails with reason `archive`, so that an incremental load can fall back to a full one. Without dockerode:
 * loading that library would take longer than loading a small image.
 */
export async function loadImages({ transport }: Connection, archive: Readable, { platform, signal }: LoadOptions = {}): Promise<readonly string[]> {
  const what = 'load images';
  const wanted = platform === undefined ? '' : `&platform=${encodeURIComponent(JSON.stringify(platform))}`;
  const loaded: string[] = [];
  await asking(what, async () => {
    const { body } = await transport.request({ method: 'POST', path: `/images/load?quiet=1${wanted}`, body: archive, signal });
    await foldFrames(body, {
      what,
      reason: 'archive',
      onFrame: ({ stream = '' }) => {
        // The containerd store tells of it as of progress, and ends well.
        if (/^Error unpacking image /.test(stream)) throw new Failed({ reason: 'archive', message: `could not ${what}: ${stream.trim()}` });
        loaded.push(...loadedNames(stream));
      },
    });
  }, 'archive');
  return loaded;
}

export async function saveImages(connection: Connection, references: readonly string[]): Promise<Readable> {
  const names = references.map((reference) => `names=${encodeURIComponent(reference)}`).join('&');
  const what = `save ${references.join(', ')}`;
  return await asking(what, async () => (await connection.transport.request({ method: 'GET', path: `/images/get?${names}` })).body, 'not-found');
}

/** The engine says `Loaded image: NAME` or `Loaded image ID: sha256:…`, a line each. */
function loadedNames(stream: string): readonly string[] {
  return stream.split('\n').flatMap((line) => /^Loaded image(?: ID)?: (\S+)/.exec(line)?.[1] ?? []);
}

function authOf(auth: RegistryAuth | undefined) {
  if (auth === undefined) return undefined;
  return { serveraddress: auth.serverAddress, username: auth.username, password: auth.password, identitytoken: auth.identityToken };
}

function tell(frame: Frame, onProgress: ((line: string) => void) | undefined): void {
  const line = statusLine(frame);
  if (line !== undefined) onProgress?.(line);
}
