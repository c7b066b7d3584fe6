import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { Failed, fail, type Problem } from '../core/failure.js';
import type { Placed } from '../core/place.js';
import type { MapNode, Node } from './node.js';
import { decodeText } from './text.js';
import { substitute, type Variables } from './variables.js';
import { parseYaml } from './yaml.js';

/** What a service of a compose file runs. */
export interface ComposeService {
  readonly name: Placed<string>;
  /** Variables filled in. */
  readonly image?: Placed<string>;
  /** Absolute paths. */
  readonly build?: { readonly context: string; readonly dockerfile: string };
}

export interface ComposeOptions {
  readonly cwd: string;
  /** For `${NAME}`; those of an `.env` beside the file count less. */
  readonly env: Variables;
}

/** The services of a compose file, in its order; profiles are not looked at. Fails `config`, with a place. */
export async function readCompose(file: string, { cwd, env }: ComposeOptions): Promise<readonly ComposeService[]> {
  const path = resolve(cwd, file);
  const shown = relative(cwd, path);
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) =>
    fail({ reason: 'config', message: `the compose file ${shown} cannot be read (${error.code})`, advice: 'check the path given with --compose' }),
  );
  const problems: Problem[] = [];
  const text = decodeText(bytes, shown, (problem) => problems.push(problem));
  const node = text === undefined ? undefined : parseYaml(text, shown, (problem) => problems.push(problem));
  // Tags of compose's own (`!reset`) are told of as well; only what leaves nothing to read is a problem here.
  if (node === undefined && problems.length > 0) throw new Failed(problems);
  const services = node?.type === 'map' ? member(node, 'services') : undefined;
  if (services?.type !== 'map') {
    return fail({ reason: 'config', message: `${shown} has no services`, place: { file: shown, line: 1, column: 1 }, advice: 'name a compose file with --compose' });
  }
  const variables = { ...(await envFile(resolve(dirname(path), '.env'))), ...env };
  return services.entries.flatMap(({ key, value }) => (value.type === 'map' ? [service(key, value, { folder: dirname(path), variables })] : []));
}

function service(name: Placed<string>, node: MapNode, { folder, variables }: { readonly folder: string; readonly variables: Variables }): ComposeService {
  const fill = (text: string): string => substitute(text, variables);
  const image = textOf(member(node, 'image'));
  const build = buildOf(member(node, 'build'));
  return {
    name,
    ...(image === undefined ? {} : { image: { value: fill(image.value), place: image.place } }),
    ...(build === undefined ? {} : { build: paths(fill(build.context), fill(build.dockerfile)) }),
  };

  function paths(context: string, dockerfile: string): { readonly context: string; readonly dockerfile: string } {
    const absolute = resolve(folder, context);
    return { context: absolute, dockerfile: resolve(absolute, dockerfile) };
  }
}

/** Short form (the context) or long form. */
function buildOf(node: Node | undefined): { readonly context: string; readonly dockerfile: string } | undefined {
  if (node === undefined) return undefined;
  const short = textOf(node);
  if (short !== undefined) return { context: short.value, dockerfile: 'Dockerfile' };
  if (node.type !== 'map') return undefined;
  return { context: textOf(member(node, 'context'))?.value ?? '.', dockerfile: textOf(member(node, 'dockerfile'))?.value ?? 'Dockerfile' };
}

/** `NAME=value` lines; quotes are taken off. */
async function envFile(path: string): Promise<Variables> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return Object.fromEntries(
    text.split(/\r?\n/).flatMap((line) => {
      const match = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(?:"([^"]*)"|'([^']*)'|(.*?))\s*$/.exec(line);
      return match === null ? [] : [[match[1] as string, match[2] ?? match[3] ?? match[4] ?? ''] as const];
    }),
  );
}

function member(node: MapNode, name: string): Node | undefined {
  return node.entries.find(({ key }) => key.value === name)?.value;
}

function textOf(node: Node | undefined): Placed<string> | undefined {
  return node?.type === 'scalar' && typeof node.value === 'string' ? { value: node.value, place: node.place } : undefined;
}
