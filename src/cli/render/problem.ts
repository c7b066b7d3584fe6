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

/** Control characters of foreign text (logs, file names) must not drive the terminal. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\x1b\[[0-9;]*[A-Za-z]/g, '').replace(/[\x00-\x08\x0b-\x1f\x7f]/g, '�');
}
