import type { Instruction } from './instruction.js';

/** One `NAME[=value]` of an ARG or ENV, quotes and variables still in the value. */
export interface Assignment {
  readonly name: string;
  readonly value?: string;
}

/** What an ARG declares. */
export function argAssignments(instruction: Instruction): Assignment[] {
  return instruction.words.map((word) => assignment(word.text));
}

/** What an ENV sets; the old form `ENV NAME all the rest` as well. */
export function envAssignments(instruction: Instruction): Assignment[] {
  const first = instruction.words[0]!;
  if (first.text.includes('=')) return instruction.words.map((word) => assignment(word.text));
  return [{ name: first.text, value: instruction.text.slice(first.text.length).trim() }];
}

function assignment(text: string): Assignment {
  const equals = text.indexOf('=');
  return equals === -1 ? { name: text } : { name: text.slice(0, equals), value: text.slice(equals + 1) };
}

/** `os/architecture[/variant]` as the automatic platform variables. */
export function platformVariables(target: string, build: string): Record<string, string> {
  return { ...named('TARGET', target), ...named('BUILD', build) };
}

function named(prefix: string, platform: string): Record<string, string> {
  const [os = '', architecture = '', variant = ''] = platform.split('/');
  return {
    [`${prefix}PLATFORM`]: platform,
    [`${prefix}OS`]: os,
    [`${prefix}ARCH`]: architecture,
    [`${prefix}VARIANT`]: variant,
  };
}

export const PLATFORM_VARIABLE = /^(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT)$/;
