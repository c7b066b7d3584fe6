import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Digest } from '../core/identity.js';
import type { Bucket } from './store.js';

/**
 * Where everything is. Nothing is ever written outside of the store's folder.
 *
 *     <store>/
 *       CACHEDIR.TAG                  backup programs leave the folder out
 *       .gitignore                    "*"
 *       v1/                           another layout gets another name beside it
 *         FORMAT                      written last when the store is made: "wheelwright store 1"
 *         oci-layout, index.json      v1/ reads as an OCI image layout
 *         blobs/sha256/<hex>          read-only files, named by their content
 *         records/<bucket>/<key>.json see record-file.ts; mtime = last used
 *         tmp/<owner>.<n>.<label>     files and folders being written by the process <owner>
 *         work/<owner>.<run>/         scratch folders of a run (bind mounts, containers' homes)
 *         caches/<name>/              package managers' own caches, kept between runs
 *         logs/                       of builds, per run
 *         corrupt/                    what was set aside
 *         locks/<name>/<n>.<owner>    see lock.ts
 *         locks/shared/               see store-lock.ts
 *         processes/<owner>           see processes.ts
 *
 * An <owner> is a process's token; what belongs to a dead one is removed by `cleanLeftovers`.
 */
export interface Layout {
  readonly root: string;
  readonly version: string;
  readonly blobs: string;
  readonly records: string;
  readonly tmp: string;
  readonly work: string;
  readonly caches: string;
  readonly logs: string;
  readonly corrupt: string;
  readonly locks: string;
  readonly shared: string;
  readonly processes: string;
  blob(digest: Digest): string;
  bucket(bucket: Bucket): string;
  record(bucket: Bucket, key: string): string;
}

export const FORMAT = 'wheelwright store 1\n';

/** Every bucket; a record type satisfies the compiler that none is forgotten. */
const BUCKET_NAMES: Readonly<Record<Bucket, true>> = {
  bases: true, builders: true, locks: true, pins: true, packages: true,
  pieces: true, artifacts: true, history: true, images: true, layers: true, assembled: true, trees: true, probes: true,
};
export const BUCKETS = Object.keys(BUCKET_NAMES) as readonly Bucket[];

export function layoutOf(root: string): Layout {
  const version = join(root, 'v1');
  const at = (...names: string[]): string => join(version, ...names);
  return {
    root,
    version,
    blobs: at('blobs', 'sha256'),
    records: at('records'),
    tmp: at('tmp'),
    work: at('work'),
    caches: at('caches'),
    logs: at('logs'),
    corrupt: at('corrupt'),
    locks: at('locks'),
    shared: at('locks', 'shared'),
    processes: at('processes'),
    blob: (digest) => at('blobs', 'sha256', digest),
    bucket: (bucket) => at('records', bucket),
    record: (bucket, key) => at('records', bucket, `${fileName(key)}.json`),
  };
}

/**
 * A file name for any text: short plain names stay as they are, others become a slug and their hash. Injective also
 * where the file system ignores case: `~` never appears in a plain name.
 */
export function fileName(text: string): string {
  if (/^[a-z0-9][a-z0-9._-]{0,127}$/.test(text)) return text;
  const slug = text.toLowerCase().replace(/[^a-z0-9_-]+/g, '-').slice(0, 40);
  return `${slug}~${createHash('sha256').update(text).digest('hex')}`;
}

/** The process that a name in tmp/, work/ or shared/ belongs to. */
export function ownerOf(name: string): string {
  const dot = name.indexOf('.');
  return dot < 0 ? name : name.slice(0, dot);
}
