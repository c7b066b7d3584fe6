import { readFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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
  const files = (await bundled(here)) ?? (await inSource(dirname(here)));
  const names = new Set(files.map(({ name }) => name));
  if (files.length === 0) throw new Error(`no agents are installed beside ${here}`);
  if (names.size !== files.length) throw new Error('two agents have one name');
  return files;
}

async function bundled(here: string): Promise<readonly AgentFile[] | undefined> {
  for (const folder of [here, dirname(here)]) {
    const files = await readFolder(join(folder, 'agent'));
    if (files.length > 0) return files;
  }
  return undefined;
}

async function inSource(modules: string): Promise<readonly AgentFile[]> {
  const names = await readdir(modules).catch(() => []);
  return (await Promise.all(names.sort().map((name) => readFolder(join(modules, name, 'agent'))))).flat();
}

async function readFolder(folder: string): Promise<readonly AgentFile[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  return await Promise.all(names.sort().map(async (name) => ({ name, content: await readFile(join(folder, name)) })));
}
