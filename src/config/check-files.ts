import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import type { Placed } from '../core/place.js';
import type { Project } from './project.js';
import type { Report } from './shape.js';

const LOCKS = ['package-lock.json', 'npm-shrinkwrap.json'];

/**
 * Reports files and folders that the project file names and that are not there, or that a link takes out of the project.
 * Synchronous: nothing else can start before it has ended, and 400 paths take 5 ms instead of 20.
 */
export function checkFiles(project: Project, report: Report): void {
  const check: Check = { project, root: realpathSync.native(project.root), report };
  for (const artifact of project.artifacts.values()) {
    if (artifact.kind === 'python') for (const file of artifact.requirements) checkFile(file, { what: 'requirement file' }, check);
    if (artifact.kind === 'node') checkPackage(artifact.package, check);
  }
  for (const image of project.images.values()) checkImage(image.context, image.dockerfile, check);
}

interface Check {
  readonly project: Project;
  readonly root: string;
  readonly report: Report;
}

function checkPackage(file: Placed<string>, check: Check): void {
  if (!checkFile(file, { what: 'package file', inside: 'package.json' }, check)) return;
  const folder = posix.dirname(file.value);
  const locks = LOCKS.map((name) => posix.join(folder, name));
  const found = locks.map((lock) => kindOf(join(check.project.root, lock)));
  const index = found.indexOf('file');
  if (index >= 0) {
    checkInside({ value: locks[index]!, place: file.place }, check);
    return;
  }
  const message = `${file.value} has no lock: there is neither ${locks.join(' nor ')}`;
  check.report({ reason: 'config', message, place: file.place, advice: 'Make one with `npm install --package-lock-only` and commit it' });
}

function checkImage(context: Placed<string>, dockerfile: Placed<string>, check: Check): void {
  const kind = kindOf(join(check.project.root, context.value));
  if (kind === 'folder') {
    if (checkInside(context, check)) checkFile(dockerfile, { what: 'Dockerfile', inside: 'Dockerfile', base: context.value }, check);
    return;
  }
  const message = kind === 'file' || kind === 'other' ? `the context ${context.value} is not a folder` : `${missing[kind]} context folder ${context.value}`;
  check.report({ reason: 'config', message, place: context.place, ...pathAdvice() });
  if (dockerfile.place !== context.place) checkFile(dockerfile, { what: 'Dockerfile' }, check);
}

interface Expected {
  readonly what: string;
  /** The usual name in a folder that was given instead of a file. */
  readonly inside?: string;
  /** A folder that the path may have been meant to be relative to. */
  readonly base?: string;
}

/** True if it is there, a file, and in the project; reported otherwise. */
function checkFile(file: Placed<string>, { what, inside, base }: Expected, check: Check): boolean {
  const absolute = (path: string): string => join(check.project.root, path);
  const kind = kindOf(absolute(file.value));
  if (kind === 'file') return checkInside(file, check) && checkReadable(file, what, check);
  if (kind === 'other') check.report({ reason: 'config', message: `the ${what} ${file.value} is not a regular file`, place: file.place });
  else if (kind === 'denied') check.report({ reason: 'config', message: `${missing[kind]} ${what} ${file.value}`, place: file.place });
  else if (kind === 'folder') {
    const named = inside && kindOf(absolute(posix.join(file.value, inside))) === 'file' ? posix.join(file.value, inside) : undefined;
    const advice = named ? { advice: `Write ${named}` } : {};
    check.report({ reason: 'config', message: `the ${what} ${file.value} is a folder`, place: file.place, ...advice });
  } else {
    const meant = base && base !== '.' ? posix.join(base, file.value) : undefined;
    const found = meant && kindOf(absolute(meant)) === 'file' ? { advice: `Write ${meant}: paths are relative to the project file` } : pathAdvice();
    check.report({ reason: 'config', message: `${missing[kind]} ${what} ${file.value}`, place: file.place, ...found });
  }
  return false;
}

function checkReadable({ value, place }: Placed<string>, what: string, { project, report }: Check): boolean {
  try {
    accessSync(join(project.root, value), constants.R_OK);
    return true;
  } catch {
    report({ reason: 'config', message: `there is no permission to read the ${what} ${value}`, place, advice: 'Give it (chmod, chown), or run as its owner' });
    return false;
  }
}

/** Following a link out of the project would read, and perhaps publish, files that are none of its own. */
function checkInside(path: Placed<string>, { project, root, report }: Check): boolean {
  const real = realpathSync.native(join(project.root, path.value));
  if (real === root || real.startsWith(root.endsWith(sep) ? root : root + sep)) return true;
  const message = `${path.value} is, through a symbolic link, outside the project: ${relative(root, real)}`;
  report({ reason: 'config', message, place: path.place, advice: 'Put the file itself into the project' });
  return false;
}

function pathAdvice(): { advice: string } {
  return { advice: 'Check the path: it is relative to the folder of the project file' };
}

const missing = { absent: 'there is no', denied: 'there is no permission to see the' } as const;

function kindOf(path: string): 'file' | 'folder' | 'other' | 'absent' | 'denied' {
  try {
    const stats = statSync(path);
    return stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'denied' : 'absent';
  }
}
