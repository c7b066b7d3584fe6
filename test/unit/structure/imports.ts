import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, dirname } from 'node:path';

/** One import of a file, types included. */
export interface Import {
  /** Importing file, relative to the repository, e.g. `src/run/build.ts`. */
  readonly from: string;
  /** Imported file relative to the repository, or the package's name. */
  readonly to: string;
  readonly external: boolean;
}

const root = resolve(import.meta.dirname, '../../..');
const SPECIFIER = /(?:^|[\s;}])(?:import|export)\s[^'";]*?from\s*['"]([^'"]+)['"]|import\s*\(\s*['"]([^'"]+)['"]\s*\)|^import\s+['"]([^'"]+)['"]/gm;

/** Every import under src, by reading the text: what the compiler erases counts as well. */
export function allImports(): Import[] {
  return sourceFiles().flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8').replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');
    return [...text.matchAll(SPECIFIER)].map((match) => resolved(file, (match[1] ?? match[2] ?? match[3]) as string));
  });
}

export function sourceFiles(): string[] {
  return (readdirSync(join(root, 'src'), { recursive: true }) as string[])
    .filter((path) => path.endsWith('.ts'))
    .map((path) => `src/${path}`)
    .sort();
}

function resolved(from: string, specifier: string): Import {
  if (specifier.startsWith('.')) {
    const path = relative(root, resolve(root, dirname(from), specifier)).replace(/\.js$/, '.ts');
    return { from, to: path, external: false };
  }
  const name = specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : (specifier.split('/')[0] as string);
  return { from, to: name, external: true };
}

/** `src/run/build.ts` → `run`. */
export function moduleOf(path: string): string {
  return path.split('/')[1] as string;
}
