import type { Data } from '../core/record.js';
import type { Instruction } from './instruction.js';
import type { Resolved } from './resolve.js';

/**
 * What a Dockerfile says to a builder for one target, for hashing: directives, global ARGs and the stages that are needed,
 * instruction by instruction. Comments, line breaks and the case of keywords are not in it, nor stages that nobody needs.
 */
export function dockerfileMeaning({ dockerfile, stages, target }: Resolved): Data {
  return {
    escape: dockerfile.directives.escape,
    syntax: dockerfile.directives.syntax,
    globalArgs: dockerfile.globalArgs.map(instructionMeaning),
    stages: stages
      .filter(({ reachable }) => reachable)
      .map(({ stage }) => ({
        index: stage.index,
        from: instructionMeaning(stage.from),
        instructions: stage.instructions.map(instructionMeaning),
      })),
    target,
  };
}

/** The arguments of these are words; how much white space stands between them says nothing. */
const WORDS = new Set(['ADD', 'ARG', 'COPY', 'EXPOSE', 'FROM']);

function instructionMeaning({ keyword, flags, text, words, json, heredocs, trigger }: Instruction): Data {
  return {
    keyword,
    flags: flags.map(({ name, value }) => [name, value ?? null]),
    arguments: json || WORDS.has(keyword) ? [json, ...words.map((word) => word.text)] : text,
    heredocs: heredocs.map(({ name, content, expand, chomp }) => ({ name, content, expand, chomp })),
    trigger: trigger === undefined ? undefined : instructionMeaning(trigger),
  };
}
