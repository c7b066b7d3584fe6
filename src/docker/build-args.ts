import type { Dockerfile } from './dockerfile.js';
import { argAssignments } from './variables.js';

/** Names that a Dockerfile declares with ARG, in whatever stage. */
export function declaredArgs({ globalArgs, stages }: Dockerfile): readonly string[] {
  const declarations = [...globalArgs, ...stages.flatMap(({ instructions }) => instructions.filter(({ keyword }) => keyword === 'ARG'))];
  return [...new Set(declarations.flatMap((instruction) => argAssignments(instruction).map(({ name }) => name)))];
}

const PREDEFINED = /^(?:(?:HTTPS?|FTP|NO|ALL)_PROXY|(?:https?|ftp|no|all)_proxy)$/;

/** Build args that need no ARG and leave no trace in the image. */
export function isPredefined(name: string): boolean {
  return PREDEFINED.test(name);
}
