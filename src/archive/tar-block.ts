/** Tar comes in blocks of this many bytes. */
export const BLOCK = 512;

const ZERO = Buffer.alloc(BLOCK);
/** Octal, with spaces before and spaces or NULs after it; blank is 0. */
const OCTAL = /^ *[0-7]*[ \0]*$/;
const FIELDS = { mode: [100, 108], uid: [108, 116], gid: [116, 124], size: [124, 136], mtime: [136, 148] } as const;

/** Zero bytes that follow a content of this size. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** True of the block that ends an archive. */
export function isEnd(block: Buffer): boolean {
  return block.equals(ZERO);
}

/** The type flag as a character; NUL, of archives before ustar, counts as `0`. */
export function typeFlag(block: Buffer): string {
  return block[156] === 0 ? '0' : String.fromCharCode(block[156] as number);
}

/** The first number of a header block that is neither octal nor base-256; tar-stream makes something of any bytes. */
export function badNumber(block: Buffer): 'size' | 'number' | undefined {
  for (const [name, [start, end]] of Object.entries(FIELDS)) {
    const first = block[start] as number;
    const sound = first >= 0x80 ? first === 0x80 || (first === 0xff && name !== 'size') : OCTAL.test(block.toString('latin1', start, end));
    if (!sound) return name === 'size' ? 'size' : 'number';
  }
  return undefined;
}

/** The size of a header's own header (pax, long name), which is octal and was seen by `badNumber`; NaN if it is base-256. */
export function octalSize(block: Buffer): number {
  const digits = block.toString('latin1', ...FIELDS.size).replace(/[ \0]/g, '');
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

/** True if a field holds a negative base-256 number. */
export function isNegative(block: Buffer, field: 'uid' | 'gid' | 'mtime'): boolean {
  return block[FIELDS[field][0]] === 0xff;
}

/** True if a header's checksum is that of its bytes, taken without sign (POSIX). */
export function hasChecksum(block: Buffer): boolean {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK; at += 1) if (at < 148 || at >= 156) sum += block[at]!;
  return Number.parseInt(block.toString('latin1', 148, 156), 8) === sum;
}
