import type { Instruction } from '../docker/instruction.js';
import { parseDuration, formatDuration } from './duration.js';
import { quoted, quotedList, quotedRune } from './go-format.js';
import type { Healthcheck } from './oci-config.js';
import { Refusal } from './refusal.js';

/** What a HEALTHCHECK sets; members that were not given are absent. */
export function readHealthcheck({ text, flags, words, json }: Instruction): Healthcheck {
  const [, type = '', rest = ''] = /^(\S+)\s*([^]*)$/.exec(text) ?? [];
  if (type.toUpperCase() === 'NONE') {
    if (rest !== '') throw new Refusal('HEALTHCHECK NONE takes no arguments');
    return { Test: ['NONE'] };
  }
  if (type.toUpperCase() !== 'CMD') throw new Refusal(`HEALTHCHECK ${type} is not known`, 'write HEALTHCHECK CMD and a command, or HEALTHCHECK NONE');
  if (json ? words.length === 0 : rest === '') throw new Refusal('a command is missing after HEALTHCHECK CMD');
  const duration = (name: string): number => {
    const value = flags.find((flag) => flag.name === name)?.value ?? '';
    if (value === '') return 0;
    const parsed = parseDuration(value);
    if (parsed === undefined) throw new Refusal(`--${name}=${value} is no duration`, 'write it like 30s or 1m30s');
    if (parsed !== 0 && parsed < 1e6) throw new Refusal(`--${name}=${value} is less than 1ms`);
    return parsed;
  };
  const retries = flags.find((flag) => flag.name === 'retries')?.value ?? '';
  if (retries !== '' && !/^\+?\d+$/.test(retries)) throw new Refusal(`--retries=${retries} is no number`);
  const numbers = {
    Interval: duration('interval'),
    Timeout: duration('timeout'),
    StartPeriod: duration('start-period'),
    StartInterval: duration('start-interval'),
    Retries: Number(retries || 0),
  };
  const given = Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== 0));
  return { Test: json ? ['CMD', ...words.map((word) => word.text)] : ['CMD-SHELL', rest], ...given };
}

/** As a history tells it: Go's `%q` of the structure. */
export function describeHealthcheck({ Test = [], Interval = 0, Timeout = 0, StartPeriod = 0, StartInterval = 0, Retries = 0 }: Healthcheck): string {
  const durations = [Interval, Timeout, StartPeriod, StartInterval].map((value) => quoted(formatDuration(value)));
  return `&{${quotedList(Test)} ${durations.join(' ')} ${quotedRune(Retries)}}`;
}
