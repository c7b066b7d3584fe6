import { realpath, stat } from 'node:fs/promises';
import { join, posix, relative, sep } from 'node:path';
import type { Placed } from '../core/place.js';
import type { Project } from './project.js';
import type { Report } from './shape.js';

const LOCKS = ['package-lock.json', 'npm-shrinkwrap.json'];

/** Reports files and folders that the project file names and that are not there, or that a link takes out of the project. */
export async function checkFiles(project: Project, report: Report): Promise<void> {
  const root = await realpath(project.root);
  const check: Check = { project, root, report };
  const jobs: Promise<unknown>[] = [];
  for (const artifact of project.artifacts.values()) {
    if (artifact.kind === 'python') jobs.push(...artifact.requirements.map((file) => checkFile(file, 'requirement file', check)));
    if (artifact.kind === 'node') jobs.push(checkPackage(artifact.package, check));
  }
  for (const image of project.images.values()) jobs.push(checkImage(image.context, image.dockerfile, check));
  await Promise.all(jobs);
}

interface Check {
  readonly project: Project;
  readonly root: string;
  readonly report: Report;
}

async function checkPackage(file: Placed<string>, check: Check): Promise<void> {
  if (!(await checkFile(file, 'package file', check, 'package.json'))) return;
  const folder = posix.dirname(file.value);
  const locks = LOCKS.map((name) => posix.join(folder, name));
  const found = await Promise.all(locks.map((lock) => kindOf(join(check.project.root, lock))));
  const index = found.indexOf('file');
  if (index >= 0) {
    await checkInside({ value: locks[index]!, place: file.place }, check);
    return;
  }
  const message = `${file.value} has no lock: there is neither ${locks.join(' nor ')}`;
  check.report({ reason: 'config', message, place: file.place, advice: 'Make one with `npm install --package-lock-only` and commit it' });
}

async function checkImage(context: Placed<string>, dockerfile: Placed<string>, check: Check): Promise<void> {
  const kind = await kindOf(join(check.project.root, context.value));
  if (kind === 'folder') {
    if (await checkInside(context, check)) await checkFile(dockerfile, 'Dockerfile', check, 'Dockerfile', context.value);
    return;
  }
  const message = kind === 'file' || kind === 'other' ? `the context ${context.value} is not a folder` : `${missing[kind]} context folder ${context.value}`;
  check.report({ reason: 'config', message, place: context.place, ...pathAdvice() });
  if (dockerfile.place !== context.place) await checkFile(dockerfile, 'Dockerfile', check);
}

/** `inside`: the usual name in a folder that was given instead of a file; `base`: a folder it may have been meant to be relative to. */
async function checkFile(file: Placed<string>, what: string, check: Check, inside?: string, base?: string): Promise<boolean> {
  const absolute = (path: string): string => join(check.project.root, path);
  const kind = await kindOf(absolute(file.value));
  if (kind === 'file') return checkInside(file, check);
  if (kind === 'other') check.report({ reason: 'config', message: `the ${what} ${file.value} is not a regular file`, place: file.place });
  else if (kind === 'denied') check.report({ reason: 'config', message: `${missing[kind]} ${what} ${file.value}`, place: file.place });
  else if (kind === 'folder') {
    const named = inside && (await kindOf(absolute(posix.join(file.value, inside)))) === 'file' ? posix.join(file.value, inside) : undefined;
    const advice = named ? { advice: `Write ${named}` } : {};
    check.report({ reason: 'config', message: `the ${what} ${file.value} is a folder`, place: file.place, ...advice });
  } else {
    const meant = base && base !== '.' ? posix.join(base, file.value) : undefined;
    const found = meant && (await kindOf(absolute(meant))) === 'file' ? { advice: `Write ${meant}: paths are relative to the project file` } : pathAdvice();
    check.report({ reason: 'config', message: `${missing[kind]} ${what} ${file.value}`, place: file.place, ...found });
  }
  return false;
}

/** Following a link out of the project would read, and perhaps publish, files that are none of its own. */
async function checkInside(path: Placed<string>, { project, root, report }: Check): Promise<boolean> {
  const real = await realpath(join(project.root, path.value));
  if (real === root || real.startsWith(root.endsWith(sep) ? root : root + sep)) return true;
  const message = `${path.value} is, through a symbolic link, outside the project: ${relative(root, real)}`;
  report({ reason: 'config', message, place: path.place, advice: 'Put the file itself into the project' });
  return false;
}

function pathAdvice(): { advice: string } {
  return { advice: 'Check the path: it is relative to the folder of the project file' };
}

const missing = { absent: 'there is no', denied: 'there is no permission to see the' } as const;

async function kindOf(path: string): Promise<'file' | 'folder' | 'other' | 'absent' | 'denied'> {
  try {
    const stats = await stat(path);
    return stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'denied' : 'absent';
  }
}
