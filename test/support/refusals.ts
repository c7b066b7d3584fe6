import { expect } from '@jest/globals';
import type { CliResult } from './cli.js';

export interface Refusal {
  /** `file:line:column` of the first error; absent for what no line of a file is to blame for. */
  readonly place?: string;
  /** Part of the first error's sentence. */
  readonly says: string | RegExp;
  /** Part of the advice. */
  readonly advice?: string | RegExp;
}

/** The user's problem, told to a person: status 1, an error with place and advice, and never a stack trace. */
export function expectRefusal(result: CliResult, { place, says, advice = /\S/ }: Refusal): void {
  expect(`${result.stdout}${result.stderr}`).not.toMatch(/^\s+at .*[:(]|this is a bug|Warning:|undefined|\[object/m);
  expect([result.signal ?? result.status, result.status === 1 ? '' : `${result.stdout}${result.stderr}`]).toEqual([1, '']);
  const [first = '', ...rest] = result.stderr.slice(result.stderr.search(/^error: /m)).split(/\n(?=error: )/)[0]!.split('\n');
  expect(first).toMatch(place === undefined ? /^error: / : new RegExp(`^error: ${place.replaceAll('.', '\\.')}: `));
  if (place === undefined) expect(first).not.toMatch(/^error: \S+:\d+:\d+: /);
  if (typeof says === 'string') expect(first).toContain(says);
  else expect(first).toMatch(says);
  const hint = rest.find((line) => line.startsWith('  hint: ')) ?? '';
  if (typeof advice === 'string') expect(hint).toContain(advice);
  else expect(hint).toMatch(advice);
}

interface JsonProblem {
  readonly reason: string;
  readonly message: string;
  readonly advice?: string;
  readonly place?: { readonly file: string; readonly line: number; readonly column: number };
}

/** With --json: one object on stdout and nothing else there, which tells the same as stderr. */
export function expectJsonRefusal(result: CliResult, reason: string): void {
  const { problems } = result.json<{ problems: readonly JsonProblem[] }>();
  expect(result.status).toBe(1);
  expect(result.stdout.trimEnd()).not.toContain('\n');
  expect(problems.map((problem) => problem.reason)).toContain(reason);
  for (const { message, place } of problems) {
    expect(result.stderr).toContain(`error: ${place === undefined ? '' : `${place.file}:${place.line}:${place.column}: `}${message}`);
  }
}
