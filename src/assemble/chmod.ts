import { Refusal } from './refusal.js';

/** A new mode for an old one. */
export type ModeChange = (mode: number, type: 'file' | 'directory') => number;

const CLAUSE = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/;
const ACTION = /([-+=])([rwxXst]+|[ugo])?/g;
const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007 };
const SHIFT: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

/** --chmod: octal digits, or clauses as of chmod(1) (`u=rwX,go-w`) with a umask of 0. */
export function parseChmod(text: string): ModeChange {
  if (/^[0-7]+$/.test(text) && Number.parseInt(text, 8) <= 0o7777) {
    const mode = Number.parseInt(text, 8);
    return () => mode;
  }
  const clauses = text.split(',').map((clause) => CLAUSE.exec(clause));
  if (clauses.some((clause) => clause === null)) {
    throw new Refusal(`--chmod=${text} is no mode`, 'write octal digits from 0 to 7777, or clauses like u=rwX,go=rX');
  }
  return (mode, type) => clauses.reduce((current, clause) => changed(current, clause!, type), mode);
}

function changed(mode: number, [, who = '', actions = '']: RegExpExecArray, type: 'file' | 'directory'): number {
  const classes = who === '' || who.includes('a') ? 'ugo' : who;
  const mask = [...classes].reduce((bits, name) => bits | WHO[name]!, 0);
  let current = mode;
  for (const [, operator, permissions = ''] of actions.matchAll(ACTION)) {
    const bits = permissionBits(permissions, { mode: current, type, classes }) & mask;
    if (operator === '+') current |= bits;
    else if (operator === '-') current &= ~bits;
    // A folder keeps its setuid and setgid bits where they are not named.
    else current = (current & ~(type === 'directory' ? mask & 0o777 : mask & 0o6777)) | bits;
  }
  return current;
}

function permissionBits(permissions: string, { mode, type, classes }: { readonly mode: number; readonly type: string; readonly classes: string }): number {
  if (/^[ugo]$/.test(permissions)) return ((mode >> SHIFT[permissions]!) & 7) * 0o111;
  let bits = 0;
  for (const letter of permissions) {
    if (letter === 'r') bits |= 0o444;
    else if (letter === 'w') bits |= 0o222;
    else if (letter === 'x' || (letter === 'X' && (type === 'directory' || (mode & 0o111) !== 0))) bits |= 0o111;
    else if (letter === 's') bits |= (classes.includes('u') ? 0o4000 : 0) | (classes.includes('g') ? 0o2000 : 0);
    else if (letter === 't') bits |= 0o1000;
  }
  return bits;
}
