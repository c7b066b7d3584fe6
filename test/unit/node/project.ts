import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import type { Context, Planned } from '../../../src/artifact/kind.js';
import type { NodeSpec } from '../../../src/config/project.js';
import type { Event } from '../../../src/core/events.js';
import { Failed } from '../../../src/core/failure.js';
import type { BuilderKey } from '../../../src/core/identity.js';
import type { HttpOptions } from '../../../src/net/http.js';
import { createNodeKind } from '../../../src/node/kind.js';
import { MemoryStore } from '../../../src/store/memory.js';

/** A node artifact of a test: its folder, a store in memory, and a registry that is a map. */
export interface World {
  readonly dir: string;
  readonly store: MemoryStore;
  readonly events: Event[];
  readonly requests: { readonly url: string; readonly authorization: string | undefined }[];
  /** URL → body; anything else is not found. */
  readonly registry: Map<string, Buffer>;
  files(files: Readonly<Record<string, string | object>>): Promise<void>;
  plan(spec?: Partial<NodeSpec>, context?: Partial<Context>): Promise<Planned>;
}

export function world(dir: string): World {
  const events: Event[] = [];
  const requests: { url: string; authorization: string | undefined }[] = [];
  const registry = new Map<string, Buffer>();
  const store = new MemoryStore();
  const bytesOf = (url: string, options: HttpOptions): Buffer => {
    requests.push({ url, authorization: options.authorization });
    const body = registry.get(url);
    if (!body) throw new Failed({ reason: 'not-found', message: `${options.subject} is not at ${new URL(url).host}` });
    return body;
  };
  const get = async (url: string, options: HttpOptions) => ({ status: 200, headers: {}, body: bytesOf(url, options), url });
  const stream = async (url: string, options: HttpOptions) => Readable.from(slices(bytesOf(url, options)), { objectMode: false });
  const never = (): Promise<never> => Promise.reject(new Error('not in this test'));
  return {
    dir, store, events, requests, registry,
    async files(files) {
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(dir, path)), { recursive: true });
        await writeFile(join(dir, path), typeof content === 'string' ? content : JSON.stringify(content, undefined, 2));
      }
    },
    plan: (spec = {}, context = {}) => createNodeKind().plan(
      { kind: 'node', name: 'node', place, builder: { value: 'builder', place }, prefix: '/app', env: [], package: { value: 'package.json', place }, omit: [], scripts: 'allow', lean: false, ...spec },
      {
        root: dir, store, http: { get, stream }, network: { noProxy: [] }, builderKey: 'b'.repeat(64) as BuilderKey,
        facts: () => Promise.resolve({ os: 'linux', machine: 'x86_64', libc: { name: 'glibc', version: '2.41' }, node: { executable: '/usr/bin/node', version: '20.19.2', npm: '9.2.0', platform: 'linux', arch: 'x64', modules: '115' } }),
        builder: never, env: {}, offline: false, jobs: 2, emit: (event) => events.push(event), signal: new AbortController().signal, needed: never, neededKey: never, ...context,
      },
    ),
  };
}

function* slices(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 16_384) yield bytes.subarray(at, at + 16_384);
}

export const place = { file: 'project.yml', line: 1, column: 1 };
export const REGISTRY = 'https://registry.example.org/';

/** A gzipped tar of raw entries, written by a library that does not mind what their names are. */
export function tarball(entries: readonly { readonly path: string; readonly content?: string; readonly mode?: number; readonly target?: string; readonly type?: 'file' | 'symlink' | 'link' | 'directory' | 'character-device' }[]): Promise<Buffer> {
  const archive = pack();
  for (const { path, content = '', mode = 0o644, target, type = 'file' } of entries) {
    archive.entry({ name: path, mode, type, mtime: new Date(0), ...(target === undefined ? {} : { linkname: target }) }, type === 'file' ? content : '');
  }
  archive.finalize();
  return buffer(archive).then((bytes) => gzipSync(bytes));
}

export function integrity(bytes: Buffer): string {
  return `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
}

/** Puts a package into the registry and gives its lock entry. `own` is what its package.json says besides. */
export async function publish(at: World, name: string, version: string, extra: object = {}, own: object = {}): Promise<object> {
  const bytes = await tarball([{ path: 'package/package.json', content: JSON.stringify({ name, version, ...own }) }, { path: 'package/cli.js', content: '#!/usr/bin/env node\n' }]);
  const url = `${REGISTRY}${name}/-/${name.replace(/^@[^/]+\//, '')}-${version}.tgz`;
  at.registry.set(url, bytes);
  return { version, resolved: url, integrity: integrity(bytes), ...extra };
}

/** package.json and lock of a project that has these packages as dependencies, by location. */
export function project(packages: Readonly<Record<string, object>>, manifest: Record<string, unknown> = {}): Record<string, object> {
  const dependencies = Object.fromEntries(Object.keys(packages).filter((at) => /^node_modules\/(?:@[^/]+\/)?[^/]+$/.test(at)).map((at) => [at.slice('node_modules/'.length), '*']));
  const root = { name: 'project', version: '1.0.0', dependencies, ...manifest };
  return { 'package.json': root, 'package-lock.json': { name: 'project', version: '1.0.0', lockfileVersion: 3, requires: true, packages: { '': root, ...packages } } };
}
