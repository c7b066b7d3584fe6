import { Refusal } from './refusal.js';

const NAMES = new Set([
  'ABRT', 'ALRM', 'BUS', 'CHLD', 'CLD', 'CONT', 'FPE', 'HUP', 'ILL', 'INT', 'IO', 'IOT', 'KILL', 'PIPE', 'POLL', 'PROF', 'PWR', 'QUIT', 'SEGV',
  'STKFLT', 'STOP', 'SYS', 'TERM', 'TRAP', 'TSTP', 'TTIN', 'TTOU', 'UNUSED', 'URG', 'USR1', 'USR2', 'VTALRM', 'WINCH', 'XCPU', 'XFSZ',
  'RTMIN', 'RTMAX',
]);

/** Fails unless it is a signal's name, with or without SIG, or its number. */
export function checkSignal(signal: string): void {
  const name = signal.toUpperCase().replace(/^SIG/, '');
  const known = /^\d+$/.test(signal) ? Number(signal) !== 0 : NAMES.has(name) || /^RTMIN\+(?:[1-9]|1[0-5])$/.test(name) || /^RTMAX-(?:[1-9]|1[0-4])$/.test(name);
  if (!known) throw new Refusal(`STOPSIGNAL ${signal} is no signal`);
}
