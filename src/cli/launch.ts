#!/usr/bin/env node
import { closeSync, constants as flags, existsSync, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire, wrap } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { constants, Script } from 'node:vm';
import { USUAL } from './v8-flags.js';

/**
 * Starts the program out of one file, with what the engine of JavaScript compiled of it at an earlier start: that halves
 * what a run with nothing to do takes. The compiled code lies in the user's cache folder, for each version of Node and each
 * command; whatever is wrong with it, or with the folder, the program is compiled anew.
 */
const file = join(__dirname, 'main.js');
const WHOLE = '+';
/** What no checkout gives a file, and none that others may write to has. */
const MODE = 0o600;
/** Seconds, after which a longer run keeps what it has so far: the start is over. */
const STARTED = 0.25;
/** Seconds. In a longer run V8 drops what only the start needed, and without that the rest is of no use. */
const SHORT = 2;
const compiled = compiledFile();
/** What a run compiled that had something to do comes first: one that had nothing to do needs less. */
const [whole, cachedData] = compiled === undefined ? [false, undefined] : found(compiled);
// The build sees to it that it is ASCII, of which Latin-1 is read the fastest.
const script = new Script(wrap(readFileSync(file).toString('latin1')), {
  filename: file,
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  ...(cachedData === undefined ? {} : { cachedData }),
});
const main: { exports: Partial<typeof import('./main.js')> } = { exports: {} };
(script.runInThisContext() as (...args: readonly unknown[]) => void)(main.exports, createRequire(file), main, file, __dirname);
if (compiled !== undefined && !(whole && script.cachedDataRejected !== true)) {
  let early: Buffer | undefined;
  const isMissing = cachedData === undefined || script.cachedDataRejected === true;
  if (isMissing) setTimeout(() => (early = compiledCode()), STARTED * 1000).unref();
  process.on('exit', () => {
    const seconds = process.uptime();
    const hasWorked = main.exports.hasWorked?.() === true;
    if (isMissing) keep(whole ? `${compiled}${WHOLE}` : compiled, seconds < SHORT ? compiledCode() : early);
    else if (hasWorked && seconds < SHORT) keep(`${compiled}${WHOLE}`, compiledCode());
  });
}

/** Under the flags that V8 has at the start: code that was compiled under others is refused (collect-buffers.ts changes some). */
function compiledCode(): Buffer {
  USUAL.forEach(setFlagsFromString);
  return script.createCachedData();
}

/** Undefined where there is no home to keep it in. */
function compiledFile(): string | undefined {
  // The command, or an option's value that looks like one: it is a name for a file and no more.
  const command = process.argv.slice(2).find((argument) => /^[a-z]{1,12}$/.test(argument)) ?? 'other';
  const { size, mtimeMs } = statSync(file);
  try {
    const { XDG_CACHE_HOME: caches = '' } = process.env;
    const folder = caches === '' ? join(homedir(), '.cache') : resolve(caches);
    if (!isOurs(caches === '' ? homedir() : folder) || isInCheckout(folder)) return undefined;
    // Code that was compiled under other flags is refused.
    const options = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ').replace(/[^\w=]+/g, '-').slice(0, 100);
    const name = `${process.version}-${process.arch}${options}-${size}-${Math.trunc(mtimeMs)}-${command}`;
    return join(folder, 'wheelwright', 'compiled', name);
  } catch {
    return undefined;
  }
}

/**
 * Nobody else can have put something there: neither another user (in a shared folder, or with links in it), nor under sudo we
 * into the caller's home.
 */
function isOurs(folder: string): boolean {
  const { uid, mode } = statSync(folder);
  return uid === process.geteuid?.() && (mode & 0o022) === 0;
}

/** CI services keep caches in the checkout, where each branch can bring what it likes. */
function isInCheckout(folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, '.git')) || existsSync(join(at, 'project.yml'))) return true;
    if (at === dirname(at)) return false;
  }
}

function found(path: string): readonly [whole: boolean, data: Buffer | undefined] {
  const data = readIfThere(`${path}${WHOLE}`);
  return data === undefined ? [false, readIfThere(path)] : [true, data];
}

/** Only a file that we have written: it is as good as the program itself. */
function readIfThere(path: string): Buffer | undefined {
  let open: number | undefined;
  try {
    open = openSync(path, flags.O_RDONLY | flags.O_NOFOLLOW | flags.O_NONBLOCK);
    const { uid, mode } = fstatSync(open);
    return uid === process.geteuid?.() && (mode & 0o777) === MODE ? readFileSync(open) : undefined;
  } catch {
    return undefined;
  } finally {
    if (open !== undefined) closeSync(open);
  }
}

function keep(path: string, data: Buffer | undefined): void {
  if (data === undefined) return;
  const temporary = `${path}.${process.pid}`;
  try {
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
    writeFileSync(temporary, data, { mode: MODE, flag: 'wx' });
    renameSync(temporary, path);
    removeOld(join(path, '..'));
  } catch {
    // Read-only, full, or somebody else's: the next start compiles again.
  }
}

/** What other versions left, and what was not made anew for long: the next start makes it again. */
function removeOld(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (Date.now() - statSync(path).mtimeMs > 30 * 86_400_000) rmSync(path, { force: true });
  }
}
