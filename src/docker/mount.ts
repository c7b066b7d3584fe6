import type { Flag, Range } from './instruction.js';

/** What a `RUN --mount=…` says of where its files come from. */
export interface Mount {
  readonly type: string;
  readonly from?: { readonly value: string; readonly range?: Range };
  /** In the context, stage or image; default its root. */
  readonly source?: string;
}

/** Reads the comma-separated fields; fields that have no say here are passed over. */
export function parseMount(flag: Flag): Mount {
  const value = flag.value ?? '';
  let type = 'bind';
  let source: string | undefined;
  let from: Mount['from'];
  let at = 0;
  for (const field of value.split(',')) {
    const equals = field.indexOf('=');
    const name = (equals === -1 ? field : field.slice(0, equals)).trim().toLowerCase();
    const content = equals === -1 ? '' : field.slice(equals + 1);
    if (name === 'type') type = content.toLowerCase();
    else if (name === 'source' || name === 'src') source = content;
    else if (name === 'from') from = { value: content, ...rangeOf(flag, at + equals + 1, content.length) };
    at += field.length + 1;
  }
  return { type, ...(source === undefined ? {} : { source }), ...(from === undefined ? {} : { from }) };
}

/** Where a part of the flag's value is written; unknown if quotes or continuations stand in it. */
function rangeOf(flag: Flag, index: number, length: number): { range?: Range } {
  const { valueRange, value } = flag;
  if (valueRange === undefined || value === undefined || valueRange.end - valueRange.start !== value.length) return {};
  return { range: { start: valueRange.start + index, end: valueRange.start + index + length } };
}
