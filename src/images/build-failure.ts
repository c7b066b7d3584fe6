import type { Problem } from '../core/failure.js';
import type { Instruction } from '../docker/instruction.js';
import { cleanPath } from '../docker/pattern.js';
import type { Resolved } from '../docker/resolve.js';
import type { ImageNode } from './node.js';

/** A problem that the engine told, with the image's name and, where it can be found, the instruction's place. */
export function buildFailure(problem: Problem, { spec, resolved }: Pick<ImageNode, 'spec' | 'resolved'>, step: number): Problem {
  const instruction = instructionOfStep(resolved, step) ?? instructionInMessage(resolved, [problem.message, ...(problem.detail ?? [])].join('\n'));
  const place = problem.place ?? (instruction === undefined ? undefined : resolved.dockerfile.source.place(instruction.start));
  const advice = problem.advice ?? (problem.reason === 'build' ? adviceFor(instruction, spec.name) : undefined);
  return { ...problem, message: `image "${spec.name}": ${problem.message}`, ...(place === undefined ? {} : { place }), ...(advice === undefined ? {} : { advice }) };
}

function adviceFor(instruction: Instruction | undefined, image: string): string | undefined {
  switch (instruction?.keyword) {
    case 'COPY':
    case 'ADD':
      return 'check that it is in the context, and that no line of the ignore file excludes it';
    case 'RUN':
      return `read what the step said; to try it by hand: artifacts context ${image} -o FOLDER, then docker build FOLDER`;
    default:
      return undefined;
  }
}

/** The instruction behind a step of the classic builder, which numbers those of the rewritten Dockerfile from 1. */
function instructionOfStep({ dockerfile, stages, target }: Resolved, step: number): Instruction | undefined {
  const built = stages.slice(0, target + 1);
  const steps = [...dockerfile.globalArgs, ...built.flatMap(({ stage, reachable }) => (reachable ? [stage.from, ...stage.instructions] : [stage.from]))];
  return steps[step - 1];
}

/** BuildKit quotes the command that failed, or the path that is not there; if one instruction only has it, that is it. */
function instructionInMessage({ stages }: Resolved, message: string): Instruction | undefined {
  const missing = /"\/?([^"\n]+)"?: not found|"\/([^"\n]+)" not found/.exec(message);
  const path = missing?.[1] ?? missing?.[2];
  const instructions = stages.filter(({ reachable }) => reachable).flatMap(({ stage }) => stage.instructions);
  const candidates = instructions.filter(({ keyword, text, words }) => {
    if (keyword === 'RUN') return text !== '' && message.includes(text);
    return (keyword === 'COPY' || keyword === 'ADD') && path !== undefined && words.some((word) => cleanPath(`/${word.text}`) === `/${path}`);
  });
  return candidates.length === 1 ? candidates[0] : undefined;
}
