import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { Failed, fail } from '../core/failure.js';
import type { Problem } from '../core/failure.js';
import { findBundle } from './ca.js';
import { cycleProblems } from './check-cycles.js';
import { checkFiles } from './check-files.js';
import { PROJECT_FILE, findProject } from './find.js';
import type { Node } from './node.js';
import type { Project } from './project.js';
import { resolveProject } from './resolve.js';
import { projectShape } from './schema.js';
import { decodeText } from './text.js';
import { parseYaml } from './yaml.js';

/** More than any project file has; a huge one is a mistake (a log, a disk image). */
const LARGEST = 1024 * 1024;

export interface ReadOptions {
  /** Relative to `cwd`; without it the file is looked for in `cwd` and the folders above (see find.ts). */
  readonly file?: string;
  readonly cwd: string;
}

/**
 * Reads and checks the project file. Nothing in it is executed, and nothing outside its folder is opened.
 * Throws one Failed (reason `config`) with all problems, in the order of their places.
 */
export async function readProject({ file, cwd }: ReadOptions): Promise<Project> {
  const path = file === undefined ? await findProject(cwd) : resolve(cwd, file);
  if (path === undefined) {
    fail({ reason: 'config', message: `there is no ${PROJECT_FILE} in ${cwd} or a folder above it`, advice: 'Write one, or name one with --file' });
  }
  const shown = shorter(relative(cwd, path) || '.', path);
  const problems: Problem[] = [];
  const project = await check(await readBytes(path, shown), path, shown, (problem) => problems.push(problem));
  if (problems.length > 0 || !project) throw new Failed(sorted(problems));
  return project;
}

async function check(bytes: Buffer, path: string, file: string, report: (problem: Problem) => void): Promise<Project | undefined> {
  const text = decodeText(bytes, file, report);
  const node = text === undefined ? undefined : readNode(text, file, report);
  const raw = node && projectShape.read(node, '', report);
  if (!node || !raw) return undefined;
  const root = dirname(path);
  const project = resolveProject(raw, { root, file, report, artifactNames: namesUnder(node, 'artifacts'), imageNames: namesUnder(node, 'images') });
  for (const problem of cycleProblems(project)) report(problem);
  const bundle = raw.network?.ca && (await findBundle(raw.network.ca, root, report));
  checkFiles(project, report);
  return bundle === undefined ? project : { ...project, network: { ...project.network, ca: bundle } };
}

function readNode(text: string, file: string, report: (problem: Problem) => void): Node | undefined {
  let reported = false;
  const node = parseYaml(text, file, (problem) => {
    reported = true;
    report(problem);
  });
  const empty = node === undefined || (node.type === 'scalar' && node.value === null);
  if (!empty) return node;
  if (!reported) report({ reason: 'config', message: 'the project file is empty', place: { file, line: 1, column: 1 }, advice: 'Start it with `name:`' });
  return undefined;
}

/** Reads through one descriptor, so that what was checked is what is read; a pipe (opened without waiting) is refused. */
async function readBytes(path: string, file: string): Promise<Buffer> {
  const place = { file, line: 1, column: 1 };
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' || error.code === 'ENOTDIR' ? `there is no project file ${file}` : `the project file ${file} cannot be read${error.code === 'EACCES' ? ': permission denied' : ` (${error.code})`}`;
    const denied = error.code === 'EACCES' || error.code === 'EPERM';
    return fail({ reason: 'config', message: why, advice: denied ? 'Give its reader permission (chmod, chown), or run as its owner' : 'Check the path given with --file' });
  });
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) fail({ reason: 'config', message: `the project file ${file} is not a regular file`, advice: 'Name a YAML file with --file' });
    if (stats.size > LARGEST) fail({ reason: 'config', message: `the project file is larger than ${LARGEST} bytes`, place });
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

function namesUnder(node: Node, section: string): Set<string> {
  const found = node.type === 'map' ? node.entries.find((entry) => entry.key.value === section)?.value : undefined;
  return new Set(found?.type === 'map' ? found.entries.map((entry) => entry.key.value) : []);
}

function sorted(problems: readonly Problem[]): Problem[] {
  const line = (problem: Problem): number => problem.place?.line ?? 0;
  const column = (problem: Problem): number => problem.place?.column ?? 0;
  return [...problems].sort((a, b) => line(a) - line(b) || column(a) - column(b));
}

function shorter(a: string, b: string): string {
  return a.length <= b.length ? a : b;
}
