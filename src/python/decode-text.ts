/** The text of a requirement file by pip's rule: byte order mark, else `coding:` in a comment of the first two lines, else UTF-8. Undefined if it is not that. */
export function decodeText(bytes: Uint8Array): string | undefined {
  for (const [mark, decode] of MARKS) {
    if (mark.every((byte, index) => bytes[index] === byte)) return decode(bytes.subarray(mark.length));
  }
  return decodeAs(declaredEncoding(bytes) ?? 'utf-8', bytes);
}

type Decode = (bytes: Uint8Array) => string | undefined;

/** UTF-32 before UTF-16, whose little-endian mark it starts with. */
const MARKS: readonly (readonly [readonly number[], Decode])[] = [
  [[0xef, 0xbb, 0xbf], (bytes) => decodeAs('utf-8', bytes)],
  [[0x00, 0x00, 0xfe, 0xff], (bytes) => decodeUtf32(bytes, false)],
  [[0xff, 0xfe, 0x00, 0x00], (bytes) => decodeUtf32(bytes, true)],
  [[0xfe, 0xff], (bytes) => decodeAs('utf-16be', bytes)],
  [[0xff, 0xfe], (bytes) => decodeAs('utf-16le', bytes)],
];

function declaredEncoding(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, 1024)).toString('latin1').split('\n', 2);
  return head.map((line) => (line.startsWith('#') ? /coding[:=]\s*([-\w.]+)/.exec(line)?.[1] : undefined)).find((name) => name !== undefined);
}

function decodeAs(encoding: string, bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(encoding.toLowerCase().replaceAll('_', '-').replace('latin-1', 'latin1'), { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function decodeUtf32(bytes: Uint8Array, littleEndian: boolean): string | undefined {
  if (bytes.length % 4 !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const points = Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4, littleEndian));
  return points.every((point) => point <= 0x10ffff) ? points.map((point) => String.fromCodePoint(point)).join('') : undefined;
}
