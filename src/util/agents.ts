import { readFile, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A program of ours that runs inside a builder container. */
export interface AgentFile {
  readonly name: string;
  readonly content: Buffer;
}

/**
 * Every agent: `src/<module>/agent/*` when we run from source, `dist/agent/*` when we are bundled (the bundle's files are
 * in `dist/` or `dist/chunks/`). Names are unique over all modules.
 */
export async function agentFiles(here: string = dirname(fileURLToPath(import.meta.url))): Promise<readonly AgentFile[]> {
  const files = (await Promise.all((await agentFolders(here)).map(readFolder))).flat();
  const names = new Set(files.map(({ name }) => name));
  if (files.length === 0) throw new Error(`no agents are installed beside ${here}`);
  if (names.size !== files.length) throw new Error('two agents have one name');
  return files;
}

async function agentFolders(here: string): Promise<readonly string[]> {
  const parent = dirname(here);
  if (basename(parent) !== 'src') return [join(basename(here) === 'chunks' ? parent : here, 'agent')];
  return (await readdir(parent)).sort().map((module) => join(parent, module, 'agent'));
}

async function readFolder(folder: string): Promise<readonly AgentFile[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  return await Promise.all(names.sort().map(async (name) => ({ name, content: await readFile(join(folder, name)) })));
}
