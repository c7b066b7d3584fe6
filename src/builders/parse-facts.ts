import { fail } from '../core/failure.js';
import type { Data } from '../core/record.js';
import type { BuilderFacts, NodeFacts, PythonFacts } from './builder.js';

/** What is said in more bytes than this is not a version or a path. */
const LONGEST = 300;
const MAX_TAGS = 5000;
/** Of the record; a record of another format is asked for anew. */
const FORMAT = 2;
/** An address without credentials: those belong into settings, never into records. */
const ADDRESS = /^https?:\/\/[^\s@]+$/;
const VERSION = /^[0-9][0-9A-Za-z.+!_-]*$/;

/**
 * Facts from the output of `agent/facts.sh`: lines `wheelwright-facts SECTION VALUE` among whatever else the image's
 * programs print. Nothing of it is believed unchecked: it ends up in keys.
 */
export function factsFromOutput(output: string, image: string): BuilderFacts {
  const said = new Map<string, string>();
  for (const line of output.split('\n')) {
    const match = /^wheelwright-facts ([a-z]+) (.*)$/.exec(line);
    if (match !== null && !said.has(match[1]!)) said.set(match[1]!, match[2]!.trim());
  }
  const [libcName = '', libcVersion = ''] = (said.get('libc') ?? '').split(' ');
  const python = json(said.get('python'));
  const node = json(said.get('node'));
  const facts = factsFromData({
    format: FORMAT,
    os: (said.get('os') ?? '').toLowerCase(),
    machine: said.get('machine') ?? '',
    libc: { name: libcName, version: libcVersion },
    ...(python === undefined ? {} : { python: { ...python, uv: versionIn(said.get('uv')) } }),
    ...(node === undefined ? {} : { node: { ...node, npm: versionIn(said.get('npm')), registry: said.get('registry') } }),
  });
  return facts ?? fail({
    reason: 'unsupported',
    message: `the builder image ${image} does not say what it is`,
    advice: 'use a Linux image with glibc or musl and the usual commands (sh, uname, sed)',
    detail: output.split('\n').slice(-20),
  });
}

/** Facts out of a record (or another source); undefined if something in it is not what it should be. */
export function factsFromData(data: unknown): BuilderFacts | undefined {
  const all = object(data);
  const libc = object(all?.['libc']);
  if (all?.['format'] !== FORMAT || libc === undefined || (libc['name'] !== 'glibc' && libc['name'] !== 'musl')) return undefined;
  if (all['os'] !== 'linux' || !isText(all['machine'], /^[a-z0-9_]+$/) || !isText(libc['version'], VERSION)) return undefined;
  const python = all['python'] === undefined ? undefined : pythonOf(object(all['python']));
  const node = all['node'] === undefined ? undefined : nodeOf(object(all['node']));
  if ((all['python'] !== undefined && python === undefined) || (all['node'] !== undefined && node === undefined)) return undefined;
  return {
    os: all['os'],
    machine: all['machine'],
    libc: { name: libc['name'], version: libc['version'] },
    ...(python === undefined ? {} : { python }),
    ...(node === undefined ? {} : { node }),
  };
}

/** The record that is kept in the store. */
export function factsToData(facts: BuilderFacts): Data {
  return { format: FORMAT, ...(facts as unknown as { readonly [key: string]: Data }) };
}

function pythonOf(python: Readonly<Record<string, unknown>> | undefined): PythonFacts | undefined {
  if (python === undefined) return undefined;
  const { executable, version, implementation, soabi, magic, freeThreaded, uv, pip, index } = python;
  const markers = markersOf(object(python['markers']));
  const tags = tagsOf(python['tags']);
  if (!isText(executable, /^\/[^\0\n]*$/) || !isText(version, VERSION) || !isText(implementation, /^[a-z]+$/)) return undefined;
  if (!isText(soabi, /^[A-Za-z0-9_.-]*$/) || !isText(magic, /^[0-9a-f]+$/) || typeof freeThreaded !== 'boolean' || markers === undefined) return undefined;
  return {
    executable, version, implementation, soabi, magic, freeThreaded, markers,
    ...(tags === undefined ? {} : { tags }),
    ...(isText(uv, VERSION) ? { uv } : {}),
    ...(isText(pip, VERSION) ? { pip } : {}),
    ...(isText(index, ADDRESS) ? { index } : {}),
  };
}

function nodeOf(node: Readonly<Record<string, unknown>> | undefined): NodeFacts | undefined {
  if (node === undefined) return undefined;
  const { executable, version, platform, arch, modules, npm, registry } = node;
  if (!isText(executable, /^\/[^\0\n]*$/) || !isText(version, VERSION) || !isText(platform, /^[a-z0-9]+$/)) return undefined;
  if (!isText(arch, /^[a-z0-9]+$/) || !isText(modules, /^[0-9]+$/)) return undefined;
  return { executable, version, platform, arch, modules, ...(isText(npm, VERSION) ? { npm } : {}), ...(isText(registry, ADDRESS) ? { registry } : {}) };
}

function markersOf(markers: Readonly<Record<string, unknown>> | undefined): Readonly<Record<string, string>> | undefined {
  const entries = Object.entries(markers ?? {});
  if (entries.length === 0 || !entries.every(([name, value]) => /^[a-z_]{1,50}$/.test(name) && isText(value, /^[^\0\n]*$/))) return undefined;
  return Object.fromEntries(entries) as Record<string, string>;
}

function tagsOf(tags: unknown): readonly string[] | undefined {
  if (!Array.isArray(tags) || tags.length === 0 || tags.length > MAX_TAGS) return undefined;
  return tags.every((tag) => isText(tag, /^[a-z0-9_.]+-[a-z0-9_.]+-[a-z0-9_.]+$/i)) ? (tags as string[]) : undefined;
}

/** `uv 0.13.8 (x86_64…)`, `9.2.0` */
function versionIn(text: string | undefined): string | undefined {
  return text === undefined ? undefined : /(?:^|\s)v?([0-9]+\.[0-9][0-9A-Za-z.+-]*)/.exec(text)?.[1];
}

function isText(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && value.length <= LONGEST && pattern.test(value);
}

function json(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    return text === undefined ? undefined : object(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function object(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}
