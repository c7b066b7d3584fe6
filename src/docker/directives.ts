import { fail } from '../core/failure.js';
import type { SourceText } from './source-text.js';

/** Parser directives: comments of the form `# name=value` before anything else in the file. */
export interface Directives {
  readonly escape: '\\' | '`';
  /** Image of another BuildKit frontend, as written. */
  readonly syntax?: string;
  readonly check?: string;
}

const DIRECTIVE = /^#[ \t]*([a-zA-Z][a-zA-Z0-9]*)[ \t]*=[ \t]*(.+)$/;

/** Reads directives until the first line that is none; an unknown name ends them as any other comment does. */
export function readDirectives(source: SourceText): Directives {
  const found = new Map<string, string>();
  let offset = source.text.startsWith('\uFEFF') ? 1 : 0;
  for (const line of source.text.slice(offset).split('\n')) {
    const match = DIRECTIVE.exec(line.trimEnd());
    const name = match?.[1]!.toLowerCase();
    if (name === undefined || !['escape', 'syntax', 'check'].includes(name)) break;
    const place = source.place(offset);
    if (found.has(name)) fail({ reason: 'dockerfile', message: `the parser directive "${name}" is given twice`, place, advice: 'leave one of them away' });
    const value = match![2]!;
    if (name === 'escape' && value !== '\\' && value !== '`') {
      fail({ reason: 'dockerfile', message: `escape is ${value}, but can only be \\ or \``, place, advice: 'write # escape=\\ or # escape=`, or leave it away' });
    }
    found.set(name, value);
    offset += line.length + 1;
  }
  const syntax = found.get('syntax');
  const check = found.get('check');
  return {
    escape: found.get('escape') === '`' ? '`' : '\\',
    ...(syntax === undefined ? {} : { syntax }),
    ...(check === undefined ? {} : { check }),
  };
}
