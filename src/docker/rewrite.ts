import type { Instruction, Range } from './instruction.js';
import type { ImageUse, Resolved } from './resolve.js';

export interface RewriteOptions {
  /** The reference to write in place of a named image; undefined leaves it as it is. */
  readonly image: (use: ImageUse) => string | undefined;
  /** Writes the build args in as defaults, so that a build without them gives the same image. */
  readonly fixArgs?: boolean;
}

interface Edit extends Range {
  readonly text: string;
}

/**
 * The Dockerfile's text for its target: named images replaced, stages behind the target dropped, stages that the target
 * does not need emptied (the classic builder would build them). Everything else, lines included, stays as it is.
 */
export function rewriteDockerfile(resolved: Resolved, { image, fixArgs = false }: RewriteOptions): string {
  const { text } = resolved.dockerfile.source;
  const edits: Edit[] = [];
  for (const [index, { stage, reachable, base, references }] of resolved.stages.entries()) {
    const start = stage.from.start;
    if (index > resolved.target) {
      edits.push({ start, end: text.length, text: '' });
      break;
    }
    if (!reachable) {
      const end = resolved.dockerfile.stages[index + 1]?.from.start ?? text.length;
      const name = stage.name === undefined ? '' : ` AS ${stage.name}`;
      const lines = text.slice(start, end).split('\n').length - 1;
      edits.push({ start, end, text: `FROM scratch${name}${'\n'.repeat(lines)}` });
      continue;
    }
    for (const use of [...(base.kind === 'image' ? [base] : []), ...references]) {
      const reference = image(use);
      if (reference !== undefined) edits.push({ ...use.range, text: reference });
    }
    if (fixArgs) edits.push(...stage.instructions.flatMap((instruction) => argEdits(instruction, resolved)));
  }
  if (fixArgs) edits.push(...resolved.dockerfile.globalArgs.flatMap((instruction) => argEdits(instruction, resolved)));
  return apply(text, edits);
}

function argEdits(instruction: Instruction, { usedArgs, dockerfile }: Resolved): Edit[] {
  if (instruction.keyword !== 'ARG') return [];
  const { escape } = dockerfile.directives;
  return instruction.words.flatMap(({ text, start, end }): Edit[] => {
    const name = text.split('=', 1)[0]!;
    const value = usedArgs[name];
    if (value === undefined) return [];
    const quoted = [...value].map((char) => (char === '"' || char === '$' || char === escape ? escape + char : char)).join('');
    return [{ start, end, text: `${name}="${quoted}"` }];
  });
}

/** Edits do not overlap. */
function apply(text: string, edits: readonly Edit[]): string {
  let result = '';
  let at = 0;
  for (const edit of [...edits].sort((a, b) => a.start - b.start)) {
    result += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return result + text.slice(at);
}
