import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync } from 'node:fs';
import { Failed, fail } from '../core/failure.js';
import { errorCode } from '../util/disk.js';
import { Patterns } from './pattern.js';

/** The ignore rules of a build context and the file that they were read from, if there is one. */
export interface Ignore {
  readonly file?: string;
  readonly patterns: Patterns;
}

/** Reads the text of an ignore file. Throws Failed (reason `dockerfile`) at a pattern that is not valid; repeats it unless `quote` is false. */
export function parseIgnore(text: string, file: string, { quote = true }: { readonly quote?: boolean } = {}): Patterns {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('#')) continue;
    try {
      new Patterns([line]);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new Failed({ reason: 'dockerfile', message: quote ? error.message : 'the pattern is not valid', place: { file, line: index + 1, column: 1 }, advice: 'patterns are those of .dockerignore: *, ?, [a-z], **, and ! in front of exceptions' });
    }
  }
  return new Patterns(lines.filter((line) => !line.startsWith('#')));
}

/**
 * The ignore file of a Dockerfile: `<Dockerfile>.dockerignore` beside it, else `.dockerignore` in the context; never both.
 * `show` turns an absolute path into what the user would write.
 */
export function readIgnore(context: string, dockerfile: string, show: (path: string) => string): Ignore {
  for (const path of [`${dockerfile}.dockerignore`, `${context}/.dockerignore`]) {
    const found = readText(path, show);
    // Where a link leads there may be what nobody is to see.
    if (found !== undefined) return { file: path, patterns: parseIgnore(found.text, show(path), { quote: !found.linked }) };
  }
  return { patterns: new Patterns([]) };
}

/** More than any ignore file has. */
const LARGEST = 4 * 1024 * 1024;

/** Undefined if there is none; fails for a pipe, a device, and what is too large. */
function readText(path: string, show: (path: string) => string): { readonly text: string; readonly linked: boolean } | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = fstatSync(file);
    if (!status.isFile()) fail({ reason: 'dockerfile', message: `${show(path)} is not a regular file`, advice: 'write the patterns into a file' });
    if (status.size > LARGEST) fail({ reason: 'dockerfile', message: `${show(path)} is larger than ${LARGEST} bytes`, advice: 'name folders and patterns in it instead of files' });
    return { text: readFileSync(file, 'utf8'), linked: lstatSync(path).isSymbolicLink() };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
