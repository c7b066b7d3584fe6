#!/usr/bin/env node
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire, wrap } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { constants, Script } from 'node:vm';

/**
 * Starts the program out of one file, with what the engine of JavaScript compiled of it at an earlier start: that halves
 * what a run with nothing to do takes. The compiled code lies in the user's cache folder, for each version of Node and each
 * command; whatever is wrong with it, or with the folder, the program is compiled anew.
 */
const file = join(__dirname, 'main.js');
const compiled = compiledFile();
const cachedData = compiled === undefined ? undefined : readIfThere(compiled);
// The build sees to it that it is ASCII, of which Latin-1 is read the fastest.
const script = new Script(wrap(readFileSync(file).toString('latin1')), {
  filename: file,
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  ...(cachedData === undefined ? {} : { cachedData }),
});
const main = { exports: {} };
(script.runInThisContext() as (...args: readonly unknown[]) => void)(main.exports, createRequire(file), main, file, __dirname);
// At the end, when the functions that this command needs have been compiled.
if (compiled !== undefined && (cachedData === undefined || script.cachedDataRejected === true)) process.on('exit', () => keep(compiled));

/** Undefined where there is no home to keep it in. */
function compiledFile(): string | undefined {
  // The command, or an option's value that looks like one: it is a name for a file and no more.
  const command = process.argv.slice(2).find((argument) => /^[a-z]{1,12}$/.test(argument)) ?? 'other';
  const { size, mtimeMs } = statSync(file);
  try {
    const folder = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
    // Code that was compiled under other flags is refused.
    const flags = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ').replace(/[^\w=]+/g, '-').slice(0, 100);
    const name = `${process.version}-${process.arch}${flags}-${size}-${Math.trunc(mtimeMs)}-${command}`;
    return join(folder, 'wheelwright', 'compiled', name);
  } catch {
    return undefined;
  }
}

/** Only a file that nobody else can have written: it is as good as the program itself. */
function readIfThere(path: string): Buffer | undefined {
  try {
    const { uid, mode } = statSync(path);
    return uid === process.getuid?.() && (mode & 0o022) === 0 ? readFileSync(path) : undefined;
  } catch {
    return undefined;
  }
}

function keep(path: string): void {
  const temporary = `${path}.${process.pid}`;
  try {
    // Under sudo the home may be the caller's: nothing of another user may be left there.
    if (statSync(process.env['XDG_CACHE_HOME'] || homedir()).uid !== process.geteuid?.()) return;
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
    writeFileSync(temporary, script.createCachedData(), { mode: 0o600, flag: 'wx' });
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
