import { Refusal } from './refusal.js';

/** What --chmod makes of modes. */
export interface ModeChange {
  readonly change: (mode: number, type: 'file' | 'directory') => number;
  /** Of folders that are made on the way; builders create them under a umask of 022. */
  readonly folders: number;
}

const CLAUSE = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/;
const ACTION = /([-+=])([rwxXst]+|[ugo])?/g;
const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o0007 };
const SHIFT: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };
const STICKY = 0o1000;

/** --chmod: octal digits, or clauses as of chmod(1) (`u=rwX,go-w`) with a umask of 0. */
export function parseChmod(text: string): ModeChange {
  if (/^[0-7]+$/.test(text) && Number.parseInt(text, 8) <= 0o7777) {
    const mode = Number.parseInt(text, 8);
    return { change: () => mode, folders: mode & 0o755 };
  }
  const clauses = text.split(',').map((clause) => CLAUSE.exec(clause));
  if (clauses.some((clause) => clause === null)) {
    throw new Refusal(`--chmod=${text} is no mode`, 'write octal digits from 0 to 7777, or clauses like u=rwX,go=rX');
  }
  return { change: (mode, type) => clauses.reduce((current, clause) => changed(current, clause!, type), mode), folders: 0o755 };
}

function changed(mode: number, [, who = '', actions = '']: RegExpExecArray, type: 'file' | 'directory'): number {
  const classes = who === '' || who.includes('a') ? 'ugo' : who;
  const mask = [...classes].reduce((bits, name) => bits | WHO[name]!, 0);
  let current = mode;
  for (const [, operator, permissions = ''] of actions.matchAll(ACTION)) {
    const copied = /^[ugo]$/.test(permissions);
    // The sticky bit is nobody's, but not of the others alone.
    const reach = permissions.includes('t') && classes !== 'o' ? mask | STICKY : mask;
    const bits = (copied ? ((current >> SHIFT[permissions]!) & 7) * 0o111 : permissionBits(permissions, current, type)) & reach;
    if (operator === '+') current |= bits;
    else if (operator === '-') current &= ~bits;
    // Setuid and setgid stay where permissions are copied.
    else current = (current & ~(copied ? reach & 0o777 : reach)) | bits;
  }
  return current;
}

function permissionBits(permissions: string, mode: number, type: 'file' | 'directory'): number {
  let bits = 0;
  for (const letter of permissions) {
    if (letter === 'r') bits |= 0o444;
    else if (letter === 'w') bits |= 0o222;
    else if (letter === 'x' || (letter === 'X' && (type === 'directory' || (mode & 0o111) !== 0))) bits |= 0o111;
    else if (letter === 's') bits |= 0o6000;
    else if (letter === 't') bits |= STICKY;
  }
  return bits;
}
