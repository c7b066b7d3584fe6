import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import type { Artifact, Built } from '../../../src/artifact/artifact.js';
import { composeArtifact } from '../../../src/artifact/compose.js';
import type { Context, Planned } from '../../../src/artifact/kind.js';
import { FIXED_TIME } from '../../../src/archive/entry.js';
import { tarOf } from '../../../src/archive/pack-tar.js';
import type { PackItem } from '../../../src/archive/pack-tar.js';
import type { BuildersOptions } from '../../../src/builders/builders-options.js';
import type { Builder, BuilderFacts } from '../../../src/builders/builder.js';
import type { PythonSpec } from '../../../src/config/project.js';
import type { Event } from '../../../src/core/events.js';
import type { Http } from '../../../src/net/http.js';
import { createHttp } from '../../../src/net/create-http.js';
import { createPythonKind } from '../../../src/python/kind.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { BUILDER_KEY, CA, testBuilders } from '../../support/builders.js';

/** Writable for whoever the builder runs as. */
export const PREFIX = '/tmp/wheelwright-oracle/venv';

/** Path below the prefix → what is there, as `LISTING` prints it. */
export type Listing = Readonly<Record<string, string>>;

/** One builder container and one store, with our python kind and the real uv side by side. */
export interface Rig {
  readonly builder: Builder;
  readonly facts: BuilderFacts;
  readonly store: MemoryStore;
  readonly events: Event[];
  /** The project's folder on the host. */
  readonly root: string;
  /** URLs that were asked for. */
  readonly requests: string[];
  /** What follows is as in another run of the program: what was made before is not counted again. */
  restart(): void;
  write(files: Readonly<Record<string, string | Buffer>>): Promise<void>;
  plan(spec?: Partial<PythonSpec>, context?: Partial<Context>): Promise<Planned>;
  /** A shell script in the builder; `files` are put into its folder first. Gives standard output. */
  shell(script: string, files?: readonly PackItem[]): Promise<string>;
  /** What the artifact puts below the prefix. */
  listing(artifact: Artifact): Promise<Listing>;
  /** What uv makes at the prefix out of our wheelhouse. */
  uvListing(built: Built): Promise<Listing>;
  /** Runs `script` at a fresh empty virtual environment at the prefix, then lists it. */
  oracle(script: string, files?: readonly PackItem[]): Promise<Listing>;
  close(): Promise<void>;
}

export async function openRig(dir: string, overrides: Omit<Partial<BuildersOptions>, 'store'> & { readonly image?: string; readonly store?: MemoryStore } = {}): Promise<Rig> {
  const { image, store = new MemoryStore(), ...others } = overrides;
  const { builders, events, folders } = await testBuilders(dir, { ...(image === undefined ? {} : { resolveImage: () => Promise.resolve(image) }), ...others });
  const [builder, facts] = await Promise.all([builders.open(BUILDER_KEY), builders.facts(BUILDER_KEY)]);
  const requests: string[] = [];
  const http = recorded(createHttp({ ca: CA }), requests);
  const { root } = folders;
  let kind = createPythonKind();

  const shell = async (script: string, files: readonly PackItem[] = []): Promise<string> => {
    const folder = await builder.scratch('shell');
    await builder.put(folder, tarOf([...files, item('script.sh', script), item('listing.py', LISTING)]));
    const output: Buffer[] = [];
    const { exitCode, tail } = await builder.run({ subject: 'oracle', argv: ['sh', '-eu', 'script.sh'], cwd: folder, onStdout: (chunk) => void output.push(chunk) });
    if (exitCode !== 0) throw new Error(`${script}\n${tail.join('\n')}`);
    await builder.discard(folder);
    return Buffer.concat(output).toString('utf8');
  };

  const oracle: Rig['oracle'] = async (script, files = []) => {
    const python = facts.python?.executable ?? 'python3';
    const text = await shell(`rm -rf ${PREFIX}; ${python} -m venv --without-pip --without-scm-ignore-files ${PREFIX}\nunset SOURCE_DATE_EPOCH\n${script}\n${python} listing.py ${PREFIX}`, files);
    return JSON.parse(text) as Listing;
  };

  return {
    builder, facts, store, events, root, requests, shell, oracle,
    restart() {
      kind = createPythonKind();
    },
    async write(files) {
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), content);
      }
    },
    async plan(spec = {}, context = {}) {
      return kind.plan(
        {
          kind: 'python', name: 'python', place: PLACE, builder: { value: 'builder', place: PLACE }, prefix: PREFIX, env: [],
          requirements: [{ value: 'requirements.txt', place: PLACE }], extras: [], groups: [], extraIndex: [], findLinks: [],
          strict: false, compileBytecode: true, ...spec,
        },
        {
          root, store, http, network: { ca: CA, noProxy: [] }, builderKey: BUILDER_KEY,
          facts: () => Promise.resolve(facts), builder: () => Promise.resolve(builder),
          env: {}, offline: false, jobs: 2, emit: (event) => events.push(event), signal: new AbortController().signal,
          needed: () => Promise.reject(new Error('a python artifact needs no other')),
          neededKey: () => Promise.reject(new Error('a python artifact needs no other')),
          ...context,
        },
      );
    },
    async listing(artifact) {
      const folder = await builder.scratch('ours');
      await builder.put(folder, composeArtifact(artifact, store));
      const text = await shell(`${facts.python?.executable ?? 'python3'} listing.py ${folder}${PREFIX}`);
      await builder.discard(folder);
      return JSON.parse(text) as Listing;
    },
    async uvListing({ artifact }) {
      const wheels = await Promise.all((artifact.wheels ?? []).map(async ({ filename, blob }) => item(`wheels/${filename}`, await store.readBlobBytes(blob))));
      const names = artifact.parts.flatMap(({ package: name }) => (name === undefined ? [] : [name.replace(' ', '==')]));
      return oracle(`uv pip install -q --compile-bytecode --no-config --no-index --find-links wheels --no-deps --python ${PREFIX}/bin/python ${names.join(' ')}`, [folderItem('wheels'), ...wheels]);
    },
    close: () => builders.close(),
  };
}

export const PLACE = { file: 'project.yml', line: 1, column: 1 };

/**
 * Prints {path: what} of a tree. These are all the exceptions from "same bytes" (src/python/README.md, "Environment"): byte
 * code is compared by its header without the time and by what it unmarshals to; shared libraries with debugging information are
 * compared without it; uv's own notes (.lock, uv_cache.json, uv_build.json and their rows in RECORD) are left out.
 */
const LISTING = `
import hashlib, json, marshal, os, stat, subprocess, sys
NOTES = (b".dist-info/uv_cache.json,", b".dist-info/uv_build.json,")
def what(path, name):
    info = os.lstat(path)
    mode = oct(stat.S_IMODE(info.st_mode))[2:]
    if stat.S_ISLNK(info.st_mode):
        return "link " + os.readlink(path)
    if stat.S_ISDIR(info.st_mode):
        return "folder " + mode
    data = open(path, "rb").read()
    if name == "RECORD":
        left_out = NOTES + tuple(DEBUG)
        data = b"".join(line for line in data.splitlines(True) if not any(note in line for note in left_out))
    if path in DEBUG.values():
        subprocess.run(["objcopy", "--strip-debug", "--remove-section=.note.gnu.build-id", path, "stripped"], check=True)
        data = open("stripped", "rb").read()
    if name.endswith(sys.implementation.cache_tag + ".pyc"):
        # Version 2 has no references, so that equal code has equal bytes.
        data = data[:8] + data[12:16] + marshal.dumps(marshal.loads(data[16:]), 2)
    return "file %s %s" % (mode, hashlib.sha256(data).hexdigest())
top = sys.argv[1]
found = {}
# Compiled here with debugging information, which names the folder of the build: end of a RECORD row -> path.
DEBUG = {}
for folder, names, leaves in os.walk(top):
    for name in leaves:
        path = os.path.join(folder, name)
        if name.endswith(".so") and not os.path.islink(path) and b".debug_info" in open(path, "rb").read():
            DEBUG[os.path.relpath(path, top).split("/site-packages/")[-1].encode() + b","] = path
for folder, names, leaves in os.walk(top):
    for name in names + leaves:
        if name in ("uv_cache.json", "uv_build.json", ".lock"):
            continue
        path = os.path.join(folder, name)
        found[os.path.relpath(path, top)] = what(path, name)
print(json.dumps(found))
`;

/** Paths that differ, with both sides; at most 40. */
export function differences(ours: Listing, oracle: Listing, except: RegExp = /(?!)/): readonly string[] {
  const paths = [...new Set([...Object.keys(ours), ...Object.keys(oracle)])].filter((path) => !except.test(path)).sort();
  return paths.filter((path) => ours[path] !== oracle[path]).map((path) => `${path}: ours ${ours[path] ?? 'none'}, uv ${oracle[path] ?? 'none'}`).slice(0, 40);
}

export function item(path: string, content: string | Buffer): PackItem {
  const bytes = Buffer.from(content);
  return { entry: { path, type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: FIXED_TIME, size: bytes.length }, content: bytes };
}

export function folderItem(path: string): PackItem {
  return { entry: { path, type: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: FIXED_TIME } };
}

/** The whole of a stream. */
export async function bytesOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream.pipe(new PassThrough())) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Problems of a failure, or an error where there is none. */
export async function failureOf(work: Promise<unknown>): Promise<import('../../../src/core/failure.js').Failed> {
  const { Failed } = await import('../../../src/core/failure.js');
  return work.then(
    () => {
      throw new Error('expected a failure');
    },
    (error: unknown) => {
      if (error instanceof Failed) return error;
      throw error;
    },
  );
}

function recorded(http: Http, requests: string[]): Http {
  return {
    get: (url, options) => (requests.push(url), http.get(url, options)),
    stream: (url, options) => (requests.push(url), http.stream(url, options)),
  };
}
