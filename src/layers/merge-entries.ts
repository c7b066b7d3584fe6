import { comparePaths } from '../archive/paths.js';

/** Entries of a tar, in the order of `comparePaths`. */
export interface EntryStream {
  /** Not behind the path of the next entry; undefined: there is none any more. */
  readonly next: string | undefined;
  /** Writes what comes up to `limit`, and that; without it, all. Afterwards `next` is behind it. */
  write(limit: string | undefined): AsyncIterable<Buffer> | Iterable<Buffer>;
  close(): Promise<void> | void;
}

/** One tar's entries out of several streams. Where two have the same path, the first of them comes first. */
export async function* mergeEntries(streams: readonly EntryStream[]): AsyncGenerator<Buffer> {
  try {
    for (let left = streams.filter(isLeft); left.length > 0; left = left.every(isLeft) ? left : left.filter(isLeft)) {
      const { first, limit } = lowest(left);
      yield* first.write(limit);
    }
  } finally {
    await Promise.all(streams.map((stream) => stream.close()));
  }
}

function isLeft({ next }: EntryStream): boolean {
  return next !== undefined;
}

/** Whose turn it is, and what another one has then. */
function lowest(streams: readonly EntryStream[]): { readonly first: EntryStream; readonly limit: string | undefined } {
  let first = streams[0] as EntryStream;
  let limit: string | undefined;
  for (const stream of streams.slice(1)) {
    const [next, lowestNext] = [stream.next as string, first.next as string];
    if (comparePaths(next, lowestNext) < 0) {
      limit = lowestNext;
      first = stream;
    } else if (limit === undefined || comparePaths(next, limit) < 0) limit = next;
  }
  return { first, limit };
}
