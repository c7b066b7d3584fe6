/** Durations as Go writes them, in nanoseconds: `1m30s`, `1.5h`, `100ms`. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1, us: 1e3, 'µs': 1e3, 'μs': 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9,
};
const PART = /(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;

/** Undefined if it is none. */
export function parseDuration(text: string): number | undefined {
  const sign = /^[+-]/.exec(text)?.[0] ?? '';
  const rest = text.slice(sign.length);
  if (rest === '0') return 0;
  if (rest === '') return undefined;
  let total = 0;
  PART.lastIndex = 0;
  while (PART.lastIndex < rest.length) {
    const match = PART.exec(rest);
    if (match === null) return undefined;
    total += Math.trunc(Number(match[1]) * UNITS[match[2]!]!);
  }
  return sign === '-' ? -total : total;
}

/** Go's Duration.String. */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  const sign = nanoseconds < 0 ? '-' : '';
  const value = Math.abs(nanoseconds);
  if (value < 1e3) return `${sign}${value}ns`;
  if (value < 1e6) return `${sign}${decimal(value, 1e3)}µs`;
  if (value < 1e9) return `${sign}${decimal(value, 1e6)}ms`;
  const minutes = Math.floor(value / 60e9);
  const seconds = `${decimal(value - minutes * 60e9, 1e9)}s`;
  if (minutes === 0) return `${sign}${seconds}`;
  const hours = Math.floor(minutes / 60);
  return `${sign}${hours > 0 ? `${hours}h` : ''}${minutes % 60}m${seconds}`;
}

function decimal(value: number, unit: number): string {
  const whole = Math.floor(value / unit);
  const digits = String(Math.log10(unit) | 0);
  const fraction = String(value - whole * unit).padStart(Number(digits), '0').replace(/0+$/, '');
  return fraction === '' ? String(whole) : `${whole}.${fraction}`;
}
