/** A name in the normal form of PEP 503: lower case, runs of `-`, `_` and `.` as one `-`. */
export function normalizeName(name: string): string {
  return name.replace(/[-_.]+/g, '-').toLowerCase();
}

const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;

/** True for a valid name of a package or an extra (core metadata, PEP 508). */
export function isName(text: string): boolean {
  return NAME.test(text);
}
