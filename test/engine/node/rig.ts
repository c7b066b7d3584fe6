import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Built } from '../../../src/artifact/artifact.js';
import type { Context, Planned } from '../../../src/artifact/kind.js';
import { composeArtifact } from '../../../src/artifact/compose.js';
import { readTar } from '../../../src/archive/read-tar.js';
import { tarDirectory } from '../../../src/archive/tar-directory.js';
import type { Builder, BuilderFacts } from '../../../src/builders/builder.js';
import type { NodeSpec } from '../../../src/config/project.js';
import type { Event } from '../../../src/core/events.js';
import type { Http } from '../../../src/net/http.js';
import { createHttp } from '../../../src/net/create-http.js';
import { createNodeKind } from '../../../src/node/kind.js';
import { openStore, type LocalStore } from '../../../src/store/local.js';
import { BUILDER_KEY, CA, testBuilders } from '../../support/builders.js';

/** Path (relative to the prefix) → what is there: `file 644 <hash>`, `folder 755`, `link -> ../x`. */
export type Listing = ReadonlyMap<string, string>;

/** One builder container, one store, and the real npm beside our node kind. */
export interface Rig {
  readonly builder: Builder;
  readonly facts: BuilderFacts;
  readonly store: LocalStore;
  readonly events: Event[];
  /** The project's folder on the host. */
  readonly root: string;
  /** URLs that were asked for. */
  readonly requests: string[];
  /** Empties the project and writes these files. */
  project(files: Readonly<Record<string, string | Buffer | object>>): Promise<void>;
  /** `npm install --package-lock-only` in the builder; the lock lands in the project. */
  lock(...args: readonly string[]): Promise<void>;
  /** What `npm ci` makes of the project in the same builder. */
  npmCi(...args: readonly string[]): Promise<Listing>;
  plan(spec?: Partial<NodeSpec>, context?: Partial<Context>): Promise<Planned>;
  listing(built: Built): Promise<Listing>;
  /** Runs a shell script in a new folder of the builder with the project in it; gives the folder. */
  shell(script: string): Promise<string>;
  close(): Promise<void>;
}

/** npm waits five minutes for a registry that hangs, which is as long as a test has. */
const PATIENCE = 'export npm_config_fetch_timeout=30000 npm_config_fetch_retries=5 npm_config_fetch_retry_mintimeout=1000';

export async function openRig(dir: string, image?: string): Promise<Rig> {
  const overrides = image === undefined ? {} : { resolveImage: () => Promise.resolve(image) };
  const { builders, events, folders } = await testBuilders(dir, overrides);
  const builder = await builders.open(BUILDER_KEY);
  const facts = await builders.facts(BUILDER_KEY);
  const store = await openStore(join(dir, 'store'), {
    emit: (event) => events.push(event),
    now: () => 0,
    self: { token: 'test-run', pid: process.pid, host: 'test', command: 'test', uid: process.geteuid?.() },
  } as Parameters<typeof openStore>[1]);
  const requests: string[] = [];
  const http = recorded(createHttp({ ca: CA }), requests);
  const { root } = folders;
  const rig: Rig = {
    builder, facts, store, events, root, requests,
    async project(files) {
      await rm(root, { recursive: true, force: true });
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content, null, 2));
      }
    },
    async lock(...args) {
      const folder = await rig.shell(`npm install --package-lock-only --no-audit --no-fund --ignore-scripts ${args.join(' ')}`);
      for await (const { entry, content } of readTar(await builder.take(folder), { subject: 'lock', strip: 1, links: 'drop' })) {
        if (entry.path === 'package-lock.json') await writeFile(join(root, entry.path), await bytes(content));
      }
    },
    async npmCi(...args) {
      return listTar(await builder.take(await rig.shell(`export npm_config_nodedir="$(node -p 'path.dirname(path.dirname(process.execPath))')"; npm ci --no-audit --no-fund ${args.join(' ')}`)));
    },
    async plan(spec = {}, context = {}) {
      return createNodeKind().plan(
        {
          kind: 'node', name: 'node', place, builder: { value: 'builder', place }, prefix: '/app', env: [],
          package: { value: 'package.json', place }, omit: [], scripts: 'allow', lean: false, ...spec,
        },
        {
          root, store, http, network: { ca: CA, noProxy: [] }, builderKey: BUILDER_KEY,
          facts: () => Promise.resolve(facts), builder: () => Promise.resolve(builder),
          env: {}, offline: false, jobs: 2, emit: (event) => events.push(event), signal: new AbortController().signal,
          neededKey: noOther, needed: noOther,
          ...context,
        },
      );
    },
    listing: ({ artifact }) => listTar(composeArtifact(artifact, store)),
    async shell(script) {
      const folder = await builder.scratch('project');
      await builder.put(folder, tarDirectory(root, { special: 'skip' }));
      const result = await builder.run({ subject: 'oracle', argv: ['sh', '-ec', `${PATIENCE}\n${script}`], cwd: folder });
      if (result.exitCode !== 0) throw new Error(`${script}\n${result.tail.join('\n')}`);
      return folder;
    },
    async close() {
      await builders.close();
      await store.close();
    },
  };
  return rig;
}

const place = { file: 'project.yml', line: 1, column: 1 };

/** Everything in a node_modules of a taken folder, or of an artifact at /app. */
async function listTar(tar: Readable): Promise<Listing> {
  const found = new Map<string, string>();
  for await (const { entry, content } of readTar(tar, { subject: 'oracle', strip: 1, links: 'keep', special: 'drop' })) {
    if (!inNodeModules(entry.path)) continue;
    if (entry.type === 'directory') found.set(entry.path, `folder ${entry.mode.toString(8)}`);
    else if (entry.type === 'symlink') found.set(entry.path, `link -> ${entry.target}`);
    else if (entry.type === 'hardlink') found.set(entry.path, found.get(entry.target) ?? 'hard link to nothing');
    else found.set(entry.path, `file ${(entry.mode & 0o7777).toString(8)} ${createHash('sha256').update(await bytes(content)).digest('hex').slice(0, 16)}`);
  }
  return found;
}

function inNodeModules(path: string): boolean {
  return path.split('/').includes('node_modules');
}

/** Paths that differ, with both sides; at most 40. */
export function differences(ours: Listing, oracle: Listing, except: RegExp = /(?!)/): readonly string[] {
  const paths = [...new Set([...ours.keys(), ...oracle.keys()])].filter((path) => !except.test(path)).sort();
  return paths.filter((path) => ours.get(path) !== oracle.get(path)).map((path) => `${path}: ours ${ours.get(path) ?? 'none'}, npm ${oracle.get(path) ?? 'none'}`).slice(0, 40);
}

export async function bytes(content: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function recorded(http: Http, requests: string[]): Http {
  return {
    get: (url, options) => (requests.push(url), http.get(url, options)),
    stream: (url, options) => (requests.push(url), http.stream(url, options)),
  };
}

export async function readText(rig: Rig, path: string): Promise<string> {
  return readFile(join(rig.root, path), 'utf8');
}

function noOther(): Promise<never> {
  return Promise.reject(new Error('a node artifact needs no other'));
}
