/** ` (1.2 s)`, or nothing for what took no time worth telling. */
export function seconds(value: number | undefined): string {
  return value === undefined || value < 0.05 ? '' : ` (${value.toFixed(1)} s)`;
}

/** `1.4 GB`, `12 kB`: decimal units as Docker prints them. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let size = value;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? size.toFixed(0) : size.toFixed(1)} ${units[unit]}`;
}
