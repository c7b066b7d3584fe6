import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../core/failure.js';

export const SHIPWRIGHT_FILE = '.shipwright.json';

/** What an existing `.shipwright.json` says, read as it is. */
export interface ShipwrightFile {
  readonly namespace?: string;
  /** Folder (`/` is the top, `/web`) → full image name. */
  readonly names: ReadonlyMap<string, string>;
}

/** Undefined if there is none; Failed (reason `config`) if it is not what Shipwright would take. */
export async function readShipwrightFile(root: string): Promise<ShipwrightFile | undefined> {
  const text = await readFile(join(root, SHIPWRIGHT_FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const data = parse(text);
  const names = (data['names'] ?? {}) as Record<string, unknown>;
  const namespace = data['namespace'];
  const wrong = (namespace !== undefined && typeof namespace !== 'string') || Object.values(names).some((name) => typeof name !== 'string');
  if (wrong) refuse('`namespace` must be a text and `names` a map from folders to image names');
  return {
    ...(namespace === undefined ? {} : { namespace: namespace as string }),
    names: new Map(Object.entries(names as Record<string, string>).map(([folder, name]) => [`/${folder.replace(/^\/+|\/+$/g, '')}`, name])),
  };
}

function parse(text: string): Record<string, unknown> {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    refuse((error as Error).message);
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) refuse('it must be an object');
  return data as Record<string, unknown>;
}

function refuse(why: string): never {
  fail({
    reason: 'config',
    message: `${SHIPWRIGHT_FILE} cannot be read: ${why}`,
    place: { file: SHIPWRIGHT_FILE, line: 1, column: 1 },
    advice: 'mend it, or write a project.yml instead',
  });
}
