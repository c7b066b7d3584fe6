import { compare } from '../core/record.js';

/** Bytes that are no protocol buffers message. */
export class Malformed extends Error {}

/** The fields of one message by number; absent ones are empty, as in proto3. */
export interface Message {
  has(field: number): boolean;
  number(field: number): number;
  text(field: number): string;
  messages(field: number): readonly Buffer[];
}

/**
 * Protocol buffers, without schemas. Wire format: a varint of field number and type, then a varint (0), 8 bytes (1), length and bytes (2) or
 * 4 bytes (5). Throws Malformed.
 */
export function decode(bytes: Buffer): Message {
  const fields = new Map<number, (number | Buffer)[]>();
  let position = 0;
  const take = (length: number): Buffer => {
    if (position + length > bytes.length) throw new Malformed('message cut short');
    position += length;
    return bytes.subarray(position - length, position);
  };
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = take(1)[0]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      if (factor > 2 ** 63) throw new Malformed('varint too long');
    }
  };
  while (position < bytes.length) {
    const tag = varint();
    const value = read(tag % 8, varint, take);
    const field = Math.floor(tag / 8);
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  const buffers = (field: number) => (fields.get(field) ?? []).filter((value) => typeof value !== 'number');
  return {
    has: (field) => fields.has(field),
    number: (field) => Number(fields.get(field)?.[0] ?? 0),
    text: (field) => buffers(field)[0]?.toString('utf8') ?? '',
    messages: buffers,
  };
}

function read(type: number, varint: () => number, take: (length: number) => Buffer): number | Buffer {
  if (type === 0) return varint();
  if (type === 1) return take(8);
  if (type === 2) return take(varint());
  if (type === 5) return take(4);
  throw new Malformed(`unknown wire type ${type}`);
}

/** `string`, `bytes` or a message; an integer or a boolean; several of the former (`repeated`). */
export type Field = string | Buffer | number | boolean | readonly (string | Buffer)[];

/** A message. Fields that are empty, 0 or false are left out, as in proto3; of repeated ones none is. */
export function encode(fields: Readonly<Record<number, Field>>): Buffer {
  return Buffer.concat(Object.entries(fields).map(([field, value]) => {
    if (typeof value === 'number' || typeof value === 'boolean') return Number(value) === 0 ? NOTHING : Buffer.concat([varintOf(Number(field) * 8), varintOf(Number(value))]);
    if (typeof value === 'string' || Buffer.isBuffer(value)) return value.length === 0 ? NOTHING : delimited(Number(field), value);
    return Buffer.concat(value.map((one) => delimited(Number(field), one)));
  }));
}

/** `map<string, string>`, as what it is on the wire: repeated messages of key and value. Sorted by key. */
export function entriesOf(map: Readonly<Record<string, string>>): readonly Buffer[] {
  return Object.keys(map).sort(compare).map((key) => encode({ 1: key, 2: map[key] as string }));
}

const NOTHING = Buffer.alloc(0);

function delimited(field: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([varintOf(field * 8 + 2), varintOf(bytes.length), bytes]);
}

/** Negative numbers take ten bytes, as 64-bit two's complement. */
function varintOf(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) + 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}
