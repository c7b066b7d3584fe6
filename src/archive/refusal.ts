import { fail } from '../core/failure.js';

/** Ends with `Failed` (reason `archive`); `subject` names the archive: `lodash-4.17.21.tgz`. */
export function refuse(subject: string, what: string): never {
  fail({
    reason: 'archive',
    message: `${subject}${what.startsWith('entry ') ? ':' : ''} ${what}`,
    advice: 'Do not use it: it is broken or made to do harm; take another version, or tell its publisher',
  });
}

/** The same about one entry. Its name is untrusted: quoted, control characters escaped, cut after 200 characters. */
export function refuseEntry(subject: string, name: string, what: string): never {
  const shown = JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
  refuse(subject, `entry ${shown} ${what}`);
}
