import { readFile } from 'node:fs/promises';
import { Failed, fail, type Problem } from '../core/failure.js';
import type { Place, Placed } from '../core/place.js';
import { member } from './compose-service.js';
import type { MapNode } from './node.js';
import { decodeText } from './text.js';
import { parseYaml } from './yaml.js';

export interface Wanted {
  /** What to do if it can't be read. */
  readonly message: string;
  /** Where it is named; absent on the command line. */
  readonly place?: Place;
}

/** A compose file's text as nodes; undefined where it holds no map. */
export async function readDocument(path: string, shown: string, { message: advice, place }: Wanted): Promise<MapNode | undefined> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) =>
    fail({ reason: 'config', message: `the compose file ${shown} cannot be read (${error.code})`, ...(place === undefined ? {} : { place }), advice }),
  );
  const problems: Problem[] = [];
  const text = decodeText(bytes, shown, (problem) => problems.push(problem));
  const node = text === undefined ? undefined : parseYaml(text, shown, (problem) => problems.push(problem));
  // Tags of compose's own (`!reset`) are told of as well; only what leaves nothing to read is a problem here.
  if (node === undefined && problems.length > 0) throw new Failed(problems);
  return node?.type === 'map' ? node : undefined;
}

/** Of its services, in its order. */
export function namesOf(root: MapNode | undefined): readonly string[] {
  const services = root === undefined ? undefined : member(root, 'services');
  return services?.type === 'map' ? services.entries.filter(({ value }) => value.type === 'map').map(({ key }) => key.value) : [];
}

export function serviceOf(root: MapNode | undefined, name: string): { readonly key: Placed<string>; readonly value: MapNode } | undefined {
  const services = root === undefined ? undefined : member(root, 'services');
  const entry = services?.type === 'map' ? services.entries.find(({ key }) => key.value === name) : undefined;
  return entry?.value.type === 'map' ? { key: entry.key, value: entry.value } : undefined;
}
