import type { Instruction } from './instruction.js';
import type { Resolved } from './resolve.js';
import { PLATFORM_VARIABLE } from './variables.js';

/** Flags that the classic builder does not have. */
const CLASSIC_FLAGS = new Set(['FROM platform', 'COPY from', 'COPY chown', 'ADD chown']);

/** What in the stages that the target needs only BuildKit can build, in words; undefined if the classic builder does. */
export function needsBuildkit(resolved: Resolved): string | undefined {
  for (const { stage, reachable } of resolved.stages) {
    if (!reachable) continue;
    for (const instruction of [stage.from, ...stage.instructions]) {
      const need = needOf(instruction);
      if (need !== undefined) return need;
    }
  }
  return undefined;
}

function needOf(instruction: Instruction): string | undefined {
  const { keyword, flags, heredocs, words } = instruction;
  if (instruction.trigger !== undefined) return needOf(instruction.trigger);
  if (heredocs.length > 0) return 'a here-document';
  const flag = keyword === 'HEALTHCHECK' ? undefined : flags.find(({ name }) => !CLASSIC_FLAGS.has(`${keyword} ${name}`));
  if (flag !== undefined) return `${keyword} --${flag.name}`;
  if (keyword === 'ADD' && words.some(({ text }) => /^(git@|git:)|\.git(#|$)/.test(text))) return 'ADD of a git repository';
  const used = [...instruction.text.matchAll(/\$\{?([A-Z]+)/g)].map((match) => match[1]!);
  const declared = keyword === 'ARG' ? words.map(({ text }) => text) : [];
  const platform = keyword === 'RUN' ? undefined : [...used, ...declared, ...flagVariables(instruction)].find((name) => PLATFORM_VARIABLE.test(name));
  return platform === undefined ? undefined : `the variable ${platform}`;
}

function flagVariables({ flags }: Instruction): string[] {
  return flags.flatMap(({ value }) => [...(value ?? '').matchAll(/\$\{?([A-Z]+)/g)].map((match) => match[1]!));
}
