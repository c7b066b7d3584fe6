import { CommanderError } from 'commander';
import { Failed, type Problem } from '../core/failure.js';
import { readableStack } from './bug-stack.js';
import { EXIT } from './exit.js';
import type { GlobalOptions, Outcome } from './options.js';
import { createProgram } from './program.js';
import { printable, renderProblem } from './render/problem.js';
import { usageWords } from './usage.js';
import { ownVersion } from './version.js';

export { hasWorked } from './worked.js';

/** Seconds. `performance` would load ten modules of Node. */
const started = process.uptime();

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
}, process.argv.slice(2));

// What nobody waited for would otherwise end the process with the status of the user's problems.
process.on('uncaughtException', (error) => {
  bug(error);
  process.exit(EXIT.bug);
});
// A reader that has seen enough (`artifacts status | head -1`, `artifacts build 2>&1 | head`) is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

program.parseAsync().catch((error: unknown) => {
  if (error instanceof CommanderError) usage(error);
  else bug(error);
});

/** Data to stdout, everything else to stderr; the status says whether there was a problem. */
function finish(outcome: Outcome, options: Pick<GlobalOptions, 'json'>): void {
  const problems = outcome.problems ?? [];
  if (options.json) {
    const seconds = Math.round((process.uptime() - started) * 1000) / 1000;
    const all = problems.length === 0 ? { ...outcome.data, seconds } : { ...outcome.data, problems, seconds };
    process.stdout.write(`${JSON.stringify(all)}\n`);
  } else {
    for (const line of outcome.lines ?? []) process.stdout.write(`${printable(line)}\n`);
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
  const problem: Problem = { reason: 'usage', ...usageWords(error, program) };
  finish({ data: {}, problems: [problem] }, { json: asksForJson() });
}

/** Nothing that we foresaw: the only place where a stack is shown. */
function bug(error: unknown): void {
  const message = `this is a bug in artifacts ${ownVersion()}, please report it with these lines`;
  const stack = readableStack(error instanceof Error ? (error.stack ?? error.message) : String(error));
  if (asksForJson()) process.stdout.write(`${JSON.stringify({ problems: [{ reason: 'bug', message, detail: stack }] })}\n`);
  process.stderr.write(`${[`error: ${message}`, ...stack].map(printable).join('\n')}\n`);
  process.exitCode = EXIT.bug;
}

/** For failures that come before the options are known. */
function asksForJson(): boolean {
  const args = process.argv.slice(2);
  const end = args.indexOf('--');
  return args.slice(0, end === -1 ? args.length : end).includes('--json');
}
