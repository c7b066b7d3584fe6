/** The path of the empty file that says that lower layers' `path` is gone (OCI image spec, layer). */
export function whiteout(path: string): string {
  const slash = path.lastIndexOf('/') + 1;
  return `${path.slice(0, slash)}.wh.${path.slice(slash)}`;
}
