import { isShowable } from './node.js';

export type JsonSchema = { readonly [keyword: string]: unknown };

/** What a text must obey beyond being text: as a function for the reader, as keywords for the JSON Schema. */
export interface Rule {
  readonly json: JsonSchema;
  /** What is wrong, as the end of a sentence that starts with the value's name; undefined if nothing is. */
  check(text: string): Broken | undefined;
}

export interface Broken {
  readonly message: string;
  readonly advice?: string;
}

/** What users write in place of these may be a password: never shown. */
const SECRET = { secret: true };

/** One component of a repository name in the words of the distribution specification. */
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const HOST = '(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\\[[0-9a-fA-F:]+\\])(?::[0-9]{1,5})?';
const REPOSITORY = `(?:${HOST}/)?${COMPONENT}(?:/${COMPONENT})*`;

/** Names of projects, artifacts, images and dev modes: they become parts of image and file names. */
export const name = pattern(`^${COMPONENT}$`, 'is not a legal name', 'Use lower-case letters and digits, separated by single `.`, `_` or `-`', { maxLength: 128 });

export const registry = pattern(`^${HOST}(?:/${COMPONENT})*/?$`, 'is not a registry', 'Write it as host[:port][/path], without https://');
export const registryHost = pattern(`^${HOST}$`, 'is not a registry', 'Write it as host[:port]');
export const repository = pattern(`^${REPOSITORY}$`, 'is not a repository name', 'Write it as [host[:port]/]path in lower case, without a tag', { maxLength: 255 });
export const imageReference = pattern(`^${REPOSITORY}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`, 'is not an image reference', 'Write it as [host[:port]/]path[:tag][@sha256:…]');
export const platform = pattern('^[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9]+)?$', 'is not a platform', 'Write it as os/architecture[/variant], such as linux/amd64');
export const variable = pattern('^[A-Za-z_][A-Za-z0-9_]*$', 'is not the name of an environment variable', 'Give the name only, of letters, digits and `_`', SECRET);
export const distribution = pattern('^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$', 'is not a legal name', 'Use letters and digits, separated by `.`, `_` or `-`');
export const nodePackage = pattern('^(?:@[A-Za-z0-9._~-]+/)?[A-Za-z0-9._~-]+$', 'is not the name of an npm package');
export const notEmpty = pattern('\\S', 'is empty');

/** A path below the project's root; `.` is the root. */
export const projectPath: Rule = {
  json: { minLength: 1, pattern: '^(?!/)' },
  check(path) {
    if (path.trim() === '') return { message: 'is empty' };
    if (path.includes('\n')) return { message: 'has a line break in it' };
    if (path.startsWith('/') || /^[A-Za-z]:[\\/]/.test(path)) return { message: `is an absolute path: ${path}`, advice: 'Write it relative to the folder of the project file' };
    if (path.startsWith('~')) return { message: `is a path in a home folder: ${path}`, advice: 'Write it relative to the folder of the project file' };
    if (leaves(path)) return { message: `leaves the project: ${path}`, advice: 'Name something inside the folder of the project file, or move the project file up' };
    return undefined;
  },
};

/** A file pattern below some folder. */
export const glob: Rule = {
  json: { minLength: 1 },
  check(text) {
    const positive = text.startsWith('!') ? text.slice(1) : text;
    return projectPath.check(positive);
  },
};

/** A path in an image. */
export const imagePath: Rule = {
  json: { pattern: '^/' },
  check(path) {
    if (path.includes('\n')) return { message: 'has a line break in it' };
    if (!path.startsWith('/')) return { message: `is not an absolute path: ${path}`, advice: 'Start it with `/`: it is a path in the images' };
    if (path.split('/').includes('..')) return { message: `has a \`..\` in it: ${path}`, advice: 'Write the path without `..`' };
    return undefined;
  },
};

/** A path in the images that goes into PATH-like lists. */
export const environmentPath: Rule = {
  json: { pattern: '^/[^:]*[^/:][^:]*$' },
  check(path) {
    if (path.includes(':')) return { message: `has a colon in it: ${path}`, advice: 'PATH could not hold it; choose another path' };
    if (/^\/+$/.test(path)) return { message: 'must not be /', advice: 'An environment owns its folder; choose one, such as /opt/venv' };
    return imagePath.check(path);
  },
};

/** An http(s) or file URL whose password, if any, comes from the environment. */
export const url: Rule = {
  json: { pattern: '^(https?|file)://' },
  check(text) {
    if (!/^(?:https?|file):\/\/[^\s/]*\S*$/.test(text)) return { message: 'is not a URL', advice: 'Start it with https://' };
    const password = /^[a-z]+:\/\/[^/@\s]*?:([^/@\s]+)@/.exec(text)?.[1];
    if (password !== undefined && !/^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/.test(password)) {
      return { message: 'has a password in it', advice: 'Write ${NAME} instead and list NAME under `env`' };
    }
    return undefined;
  },
};

/** A URL, or a path in the project (pip's --find-links). */
export const urlOrPath: Rule = {
  json: { minLength: 1 },
  check: (text) => (/^[a-z][a-z0-9+.-]*:\/\//.test(text) ? url.check(text) : projectPath.check(text)),
};

/** `host:port` or a URL with http, https or socks5. */
export const proxy = pattern('^(?:(?:https?|socks5h?)://)?[^\\s/@]+(?:@[^\\s/@]+)?/?$', 'is not a proxy', 'Write it as http://host:port', SECRET);

/** True if the path climbs above where it starts. */
export function leaves(path: string): boolean {
  let depth = 0;
  for (const part of path.split('/')) {
    if (part === '..') depth--;
    else if (part !== '' && part !== '.') depth++;
    if (depth < 0) return true;
  }
  return false;
}

interface PatternOptions {
  readonly maxLength?: number;
  readonly secret?: boolean;
}

function pattern(source: string, message: string, advice?: string, { maxLength, secret = false }: PatternOptions = {}): Rule {
  const expression = new RegExp(source);
  return {
    json: { pattern: source, ...(maxLength ? { maxLength } : {}) },
    check(text) {
      if (maxLength !== undefined && text.length > maxLength) return { message: `is longer than ${maxLength} characters` };
      if (expression.test(text)) return undefined;
      if (text.trim() === '') return { message: 'is empty' };
      return { message: !secret && isShowable(text) ? `${message}: ${text}` : message, ...(advice ? { advice } : {}) };
    },
  };
}
