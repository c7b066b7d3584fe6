import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { fail, Failed } from '../core/failure.js';
import type { StoredBlob } from '../store/store.js';
import type { Wanted, WantedSource } from './wanted.js';
import { subjectOf } from './wanted.js';
import { verified } from './verify.js';
import type { Work } from './work.js';
import { Tail } from './zip-tail.js';

export interface FetchedArchive {
  readonly blob: StoredBlob;
  readonly tail: Tail;
}

/** Brings an archive into the store, its hashes checked on the way. Being offline is a Failed that names the package. */
export async function fetchArchive(wanted: Wanted, source: Archive, work: Work): Promise<FetchedArchive> {
  const tail = new Tail();
  const expected = {
    subject: `${source.filename} of ${subjectOf(wanted)}`,
    hashes: wanted.hashes,
    ...(wanted.place === undefined ? {} : { place: wanted.place }),
  };
  const stream = await open(source, { wanted, work });
  const bytes = Readable.from(verified(stream, expected, (chunk) => tail.add(chunk)), { highWaterMark: 1 });
  const blob = await work.context.store.writeBlob(bytes, { subject: source.filename, signal: work.context.signal }).catch((error: unknown) => {
    throw placed(error, wanted);
  });
  return { blob, tail };
}

type Archive = Extract<WantedSource, { kind: 'archive' }>;

interface Opening {
  readonly wanted: Wanted;
  readonly work: Work;
}

async function open({ location, format, filename }: Archive, { wanted, work }: Opening): Promise<Readable> {
  if (location.kind === 'path') return openFile(location, wanted);
  const { context, credentials } = work;
  if (context.offline) offline(wanted);
  const access = credentials(location.url.url);
  try {
    return await context.http.stream(access.url, {
      subject: `${filename} of ${subjectOf(wanted)}`,
      // Compiling it takes the longest of all; and who installs the lowest packages has nothing to do before they are there.
      urgent: format === 'sdist' || (wanted.name !== undefined && work.rank(wanted.name, false) < work.rank(wanted.name, true)),
      ...(access.authorization === undefined ? {} : { authorization: access.authorization }),
      signal: context.signal,
    });
  } catch (error) {
    throw placed(error, wanted);
  }
}

async function openFile(location: { readonly path: string; readonly shown: string }, wanted: Wanted): Promise<Readable> {
  const found = await stat(location.path).catch(() => undefined);
  if (found?.isFile() === true) return createReadStream(location.path);
  return fail({ reason: 'not-found', message: `there is no file ${location.shown}, which ${subjectOf(wanted)} is taken from`, ...at(wanted) });
}

/** The failure when a package is needed that the store lacks and the network is forbidden. */
export function offline(wanted: Wanted): never {
  return fail({
    reason: 'offline',
    message: `${subjectOf(wanted)} is not in the store, and the network is forbidden`,
    ...at(wanted),
    advice: 'run once without --offline, or use a store that has it',
  });
}

/** Problems without a place get the requirement's, unless the machine is to blame. */
export function placed(error: unknown, wanted: Pick<Wanted, 'place'>): unknown {
  if (!(error instanceof Failed) || wanted.place === undefined) return error;
  return new Failed(error.problems.map((problem) => (problem.reason === 'disk' || problem.reason === 'engine' || problem.reason === 'interrupted' ? problem : { ...at(wanted), ...problem })), { cause: error });
}

function at({ place }: Pick<Wanted, 'place'>): { readonly place?: NonNullable<Wanted['place']> } {
  return place === undefined ? {} : { place };
}
