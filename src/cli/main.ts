#!/usr/bin/env node
import { CommanderError } from 'commander';
import { Failed, type Problem } from '../core/failure.js';
import { EXIT } from './exit.js';
import type { GlobalOptions, Outcome } from './options.js';
import { createProgram } from './program.js';
import { renderProblem } from './render/problem.js';
import { ownVersion } from './version.js';

const started = performance.now();

const program = createProgram(ownVersion(), async (load, options, args) => {
  let outcome: Outcome;
  try {
    const action = await load();
    outcome = await action(options, args);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    outcome = { data: {}, problems: error.problems };
  }
  finish(outcome, options);
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) usage(error);
  else bug(error);
}

/** Data to stdout, everything else to stderr; the status says whether there was a problem. */
function finish(outcome: Outcome, options: GlobalOptions): void {
  const problems = outcome.problems ?? [];
  if (options.json) {
    const seconds = Math.round(performance.now() - started) / 1000;
    const all = problems.length === 0 ? { ...outcome.data, seconds } : { ...outcome.data, problems, seconds };
    process.stdout.write(`${JSON.stringify(all)}\n`);
  } else {
    for (const line of outcome.lines ?? []) process.stdout.write(`${line}\n`);
  }
  writeProblems(problems);
  process.exitCode = outcome.status ?? (problems.length === 0 ? EXIT.done : EXIT.problem);
}

function writeProblems(problems: readonly Problem[]): void {
  for (const problem of problems) process.stderr.write(`${renderProblem(problem).join('\n')}\n`);
}

/** Help and version end in order; a wrong command line is the user's problem. */
function usage(error: CommanderError): void {
  if (error.exitCode === 0) return;
  const message = error.message.replace(/^error: /, '').replace(/\.$/, '');
  if (error.code === 'commander.help') return void (process.exitCode = EXIT.problem);
  writeProblems([{ reason: 'usage', message, advice: 'artifacts --help lists commands and options' }]);
  process.exitCode = EXIT.problem;
}

function bug(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`error: this is a bug in artifacts ${ownVersion()}, please report it with these lines\n${text}\n`);
  process.exitCode = EXIT.bug;
}
