import { openSync, writeSync } from 'node:fs';
import { fail } from '../../core/failure.js';
import type { Renderer } from './renderer.js';

/** The renderer, and every event as a line of JSON with its time added to a file. Fails `usage` where there can be no such file. */
export function withEventsFile(renderer: Renderer, path: string, now: () => Date): Renderer {
  const file = open(path);
  return {
    event(event) {
      // At once: a run that is killed leaves everything up to its end.
      writeSync(file, `${JSON.stringify({ time: now().toISOString(), ...event })}\n`);
      renderer.event(event);
    },
    close: () => renderer.close(),
  };
}

function open(path: string): number {
  try {
    return openSync(path, 'a');
  } catch (error) {
    return fail({ reason: 'usage', message: `--events: ${path} can not be written (${(error as NodeJS.ErrnoException).code})`, advice: 'name a file in a folder that exists' });
  }
}
