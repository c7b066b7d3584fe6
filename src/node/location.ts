/** `path` seen from the folder `base`, both relative to the lock: `joinLocation('packages/a', '../b')` is `packages/b`. */
export function joinLocation(base: string, path: string): string {
  if (path.startsWith('/')) return path;
  const segments: string[] = [];
  for (const segment of `${base}/${path}`.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..' && segments.length > 0 && segments.at(-1) !== '..') segments.pop();
    else segments.push(segment);
  }
  return segments.join('/');
}

/** The way from one folder to another, both relative to the same root, as a symbolic link holds it. */
export function relativeLocation(from: string, to: string): string {
  const source = from === '' ? [] : from.split('/');
  const target = to === '' ? [] : to.split('/');
  let common = 0;
  while (common < source.length && common < target.length && source[common] === target[common]) common++;
  return [...source.slice(common).map(() => '..'), ...target.slice(common)].join('/') || '.';
}
