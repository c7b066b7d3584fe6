import { posix } from 'node:path';
import { nearest } from '../util/nearest.js';
import type { AssemblyContext } from './assemble.js';
import { Refusal } from './refusal.js';

/** A source that names nothing, with advice: the ignore file that keeps it away, or the name that was meant. */
export async function missingSource(source: string, context?: AssemblyContext): Promise<Refusal> {
  const path = posix.join('/', source).slice(1).replace(/\/$/, '');
  const message = context === undefined ? `there is no /${path} to copy` : `there is no ${path} in the context`;
  const ignoring = context?.excludedBy?.(path);
  if (ignoring !== undefined) return new Refusal(message, `take it back with a line !${path} in ${ignoring}, which excludes it`);
  // An image may have a hundred thousand.
  const near = context === undefined ? undefined : meant(path, await context.paths());
  const where = context === undefined ? 'of the image or stage that is copied from' : 'of the context, which is the folder that the image names';
  return new Refusal(message, near === undefined ? `name a path ${where}` : `did you mean ${near}?`);
}

/** A name that is written nearly so, or a file of that name in another folder. */
function meant(path: string, known: readonly string[]): string | undefined {
  return nearest(path, known) ?? known.find((other) => posix.basename(other) === posix.basename(path));
}
