import type { Place } from '../core/place.js';

/** One logical line of a requirement file: continuations joined, comment removed, variables filled in. */
export interface LogicalLine {
  readonly text: string;
  /** Where an offset of the text was written. */
  place(offset: number): Place;
  /** The part of the text from `start` to `end` with `${NAME}` instead of the values of variables. */
  shown(start: number, end: number): string;
  /** True if the value of a variable reaches into that part. */
  hasVariable(start: number, end: number): boolean;
}

export interface MissingVariable {
  readonly name: string;
  readonly place: Place;
}

export interface Lines {
  readonly lines: readonly LogicalLine[];
  /** Variables that are used but not among the allowed ones, or empty. */
  readonly missing: readonly MissingVariable[];
}

/** A run of the logical text that was written at one place. */
interface Run {
  readonly at: number;
  readonly line: number;
  readonly column: number;
  /** Set where the run is a variable's value. */
  readonly variable?: { readonly name: string; readonly end: number };
}

/** What Python's `str.splitlines` splits at. */
// eslint-disable-next-line no-control-regex
const LINE_END = /\r\n|[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]/;
const COMMENT = /(^|\s+)#.*$/;
const COMMENT_LINE = /^\s*#/;
const VARIABLE = /\$\{([A-Z0-9_]+)\}/g;

/**
 * Splits a requirement file as pip does: join lines that end in a backslash (a comment line ends the joining), then remove
 * comments (a `#` at the start or after white space), then fill in `${NAME}`.
 */
export function readLines(text: string, file: string, env: Readonly<Record<string, string>>): Lines {
  const missing: MissingVariable[] = [];
  const lines = joinLines(text.split(LINE_END)).flatMap((joined): LogicalLine[] => {
    const trimmed = trim(joined);
    return trimmed.text === '' ? [] : [logicalLine(expand(trimmed, { file, env, missing }), file)];
  });
  return { lines, missing };
}

interface Joined {
  readonly text: string;
  readonly runs: readonly Run[];
}

function joinLines(physical: readonly string[]): readonly Joined[] {
  const result: Joined[] = [];
  let text = '';
  let runs: Run[] = [];
  const flush = (): void => {
    if (runs.length > 0) result.push({ text, runs });
    text = '';
    runs = [];
  };
  physical.forEach((line, index) => {
    // Locks have thousands of lines: what is rare is looked for where it can be.
    const isComment = line.includes('#') && COMMENT_LINE.test(line);
    if (line.endsWith('\\') && !isComment) {
      const leading = line.startsWith('\\') ? (/^\\*/.exec(line)?.[0].length ?? 0) : 0;
      runs.push({ at: text.length, line: index + 1, column: leading + 1 });
      text += line.endsWith('\\\\') ? line.slice(leading).replace(/\\+$/, '') : line.slice(leading, -1);
      return;
    }
    // The space in front makes sure that the comment is seen as one after joining.
    runs.push({ at: text.length + (isComment ? 1 : 0), line: index + 1, column: 1 });
    text += isComment ? ` ${line}` : line;
    flush();
  });
  flush();
  return result;
}

function trim({ text, runs }: Joined): Joined {
  const comment = text.includes('#') ? COMMENT.exec(text)?.index : undefined;
  const kept = (comment === undefined ? text : text.slice(0, comment)).trimEnd();
  const trimmed = kept.trimStart();
  const removed = kept.length - trimmed.length;
  return { text: trimmed, runs: removed === 0 ? runs : runs.map((run) => ({ ...run, at: run.at - removed })) };
}

interface Expansion {
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  readonly missing: MissingVariable[];
}

function expand(joined: Joined, { file, env, missing }: Expansion): Joined {
  if (!joined.text.includes('${')) return joined;
  let text = '';
  let from = 0;
  const runs: Run[] = [];
  const copy = (end: number): void => {
    const shift = text.length - from;
    const start = written(joined.runs, from);
    runs.push({ at: text.length, line: start.line, column: start.column });
    runs.push(...joined.runs.filter((run) => run.at > from && run.at < end).map((run) => ({ ...run, at: run.at + shift })));
    text += joined.text.slice(from, end);
  };
  for (const match of joined.text.matchAll(VARIABLE)) {
    const name = match[1] as string;
    const value = env[name];
    const { line, column } = written(joined.runs, match.index);
    if (value === undefined || value === '') {
      missing.push({ name, place: { file, line, column } });
      continue;
    }
    copy(match.index);
    runs.push({ at: text.length, line, column, variable: { name, end: text.length + value.length } });
    text += value;
    from = match.index + match[0].length;
  }
  copy(joined.text.length);
  return { text, runs };
}

function written(runs: readonly Run[], offset: number): { readonly line: number; readonly column: number } {
  const run = runs.findLast((candidate) => candidate.at <= offset) ?? (runs[0] as Run);
  return { line: run.line, column: run.column + (run.variable === undefined ? offset - run.at : 0) };
}

function logicalLine({ text, runs }: Joined, file: string): LogicalLine {
  const variables = runs.filter((run) => run.variable !== undefined);
  const inside = (start: number, end: number): readonly Run[] => variables.filter((run) => run.at < end && (run.variable?.end ?? 0) > start);
  return {
    text,
    place: (offset) => ({ file, ...written(runs, offset) }),
    hasVariable: (start, end) => inside(start, end).length > 0,
    shown(start, end) {
      let result = '';
      let from = start;
      for (const run of inside(start, end)) {
        result += `${text.slice(from, Math.max(from, run.at))}\${${run.variable?.name}}`;
        from = run.variable?.end ?? from;
      }
      return result + text.slice(from, Math.max(from, end));
    },
  };
}
