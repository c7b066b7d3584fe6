import type { Problem } from '../../core/failure.js';
import { formatPlace } from '../../core/place.js';

/** A problem as people read it: place, what, evidence, a second place, what to do. */
export function renderProblem(problem: Problem, level: 'error' | 'warning' = 'error'): string[] {
  const place = problem.place === undefined ? '' : `${formatPlace(problem.place)}: `;
  const lines = [`${level}: ${place}${problem.message}`];
  for (const line of problem.detail ?? []) lines.push(`    ${line}`);
  if (problem.related !== undefined) {
    lines.push(`  ${formatPlace(problem.related.place)}: ${problem.related.message}`);
  }
  if (problem.advice !== undefined) lines.push(`  hint: ${sentence(problem.advice)}`);
  return lines.map(printable);
}

/** Advice comes from many places; people read it in one form. */
function sentence(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1).replace(/\.$/, '');
}

const COLOURS = /\x1b\[[0-9;]*[A-Za-z]/g;
/** C0 without the tab, DEL, C1 (8-bit terminals know U+009B as the start of a sequence), and what turns the direction of writing. */
// eslint-disable-next-line no-control-regex
const DRIVING = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/**
 * Foreign text (logs, names of files and packages) as one line that shows what it is: it must not drive the terminal, nor begin a
 * line of its own, which a reader would take for ours and CI services for a command.
 */
export function printable(text: string): string {
  return text.replace(COLOURS, '').replace(/\r?\n/g, ' ').replace(DRIVING, '\ufffd');
}
