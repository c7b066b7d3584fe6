import { readFileSync } from 'node:fs';
import { Failed } from '../core/failure.js';
import { Patterns } from './pattern.js';

/** The ignore rules of a build context and the file that they were read from, if there is one. */
export interface Ignore {
  readonly file?: string;
  readonly patterns: Patterns;
}

/** Reads the text of an ignore file. Throws Failed (reason `dockerfile`) at a pattern that is not valid. */
export function parseIgnore(text: string, file: string): Patterns {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('#')) continue;
    try {
      new Patterns([line]);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new Failed({ reason: 'dockerfile', message: error.message, place: { file, line: index + 1, column: 1 }, advice: 'patterns are those of .dockerignore: *, ?, [a-z], **, and ! in front of exceptions' });
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
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) continue;
      throw error;
    }
    return { file: path, patterns: parseIgnore(text, show(path)) };
  }
  return { patterns: new Patterns([]) };
}
