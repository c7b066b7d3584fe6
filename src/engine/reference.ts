/** Splits `host:5000/name:tag` at its tag; a digest or nothing is no tag. */
export function splitTag(reference: string): { readonly repository: string; readonly tag?: string } {
  if (reference.includes('@')) return { repository: reference };
  const colon = reference.lastIndexOf(':');
  if (colon < 0 || reference.indexOf('/', colon) >= 0) return { repository: reference };
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) };
}

/** A reference as a part of a URL path; its slashes stay, nothing else can end the path. */
export function pathOf(reference: string): string {
  return reference.split('/').map(encodeURIComponent).join('/').replaceAll('%3A', ':').replaceAll('%40', '@');
}

/** With Docker Hub's defaults filled in, as BuildKit wants it: `debian:13` → `docker.io/library/debian:13`. */
export function fullReference(reference: string): string {
  const [first = '', ...rest] = reference.split('/');
  if (rest.length === 0) return `docker.io/library/${reference}`;
  return /[.:]|^localhost$/.test(first) ? reference : `docker.io/${reference}`;
}
