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
