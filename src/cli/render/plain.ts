import type { Event } from '../../core/events.js';
import { bytes, seconds } from './format.js';
import { printable, renderProblem } from './problem.js';
import type { Renderer, Write } from './renderer.js';

/** One line for each thing that happened: logs of CI, pipes, files. */
export function plainRenderer(write: Write, options: { readonly verbose: boolean }): Renderer {
  const line = (text: string) => write(`${printable(text)}\n`);
  return {
    event(event) {
      for (const text of plainLines(event, options.verbose)) line(text);
    },
    close() {},
  };
}

/** Progress that a plain log wants; starts of quick things are left out unless verbose. */
export function plainLines(event: Event, verbose: boolean): string[] {
  switch (event.type) {
    case 'artifact':
      if (event.state === 'started') return verbose ? [`${event.name}: started`] : [];
      return [`${event.name}: ${event.state}${counts(event.packages)}${seconds(event.seconds)}`];
    case 'package':
      if (event.state === 'compiling' || event.state === 'compiled' || event.state === 'fetched' || event.state === 'failed' || verbose) {
        if (event.state === 'reused' && !verbose) return [];
        return [`${event.artifact}: ${event.package}: ${event.state}${seconds(event.seconds)}`];
      }
      return [];
    case 'image':
      if (event.state === 'started') return [`${event.name}: building`];
      return [`${event.name}: ${event.state}${event.reason === undefined ? '' : ` (${event.reason})`}${seconds(event.seconds)}`];
    case 'push':
      if (event.state === 'started') return [`${event.name}: pushing`];
      return [`${event.name}: ${PUSHED[event.state]}${event.state === 'pushed' && event.bytes !== undefined ? `, ${bytes(event.bytes)} sent` : ''}${seconds(event.seconds)}`];
    case 'log':
      return verbose ? [`${event.subject} | ${event.line}`] : [];
    case 'step':
      return [`${event.subject}: ${event.message}`];
    case 'warning':
      return renderProblem(event.problem, 'warning');
    case 'waiting':
      return [event.message];
  }
}

/** What became of a push; "present" alone would be taken for the engine's. */
const PUSHED = { present: 'in the registry', retagged: 'retagged in the registry', pushed: 'pushed', failed: 'not pushed' } as const;

function counts(packages: { total: number; reused: number; fetched: number; compiled: number } | undefined): string {
  if (packages === undefined) return '';
  const { total, reused, fetched, compiled } = packages;
  return `, ${total} package${total === 1 ? '' : 's'}: ${reused} reused, ${fetched} fetched, ${compiled} compiled`;
}
