import { renderProblem } from './problem.js';
import type { Renderer, Write } from './renderer.js';

/** Warnings only. */
export function quietRenderer(write: Write): Renderer {
  return {
    event(event) {
      if (event.type === 'warning') write(`${renderProblem(event.problem, 'warning').join('\n')}\n`);
    },
    close() {},
  };
}
