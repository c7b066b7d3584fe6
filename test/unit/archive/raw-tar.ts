/** A header field by field, written without the code under test. */
export interface Raw {
  readonly name?: string | Buffer;
  readonly type?: string;
  readonly target?: string | Buffer;
  readonly content?: string | Buffer;
  readonly mode?: string;
  readonly size?: string;
  readonly magic?: string;
  readonly prefix?: string;
  readonly checksum?: string;
}

export function rawEntry(raw: Raw): Buffer {
  const content = Buffer.from(raw.content ?? '');
  const block = Buffer.alloc(512);
  Buffer.from(raw.name ?? 'file').copy(block, 0, 0, 100);
  block.write(raw.mode ?? '0000644', 100);
  block.write('0000000', 108);
  block.write('0000000', 116);
  block.write(raw.size ?? content.length.toString(8).padStart(11, '0'), 124);
  block.write('00000000000', 136);
  block.write(' '.repeat(8), 148);
  block.write(raw.type ?? '0', 156);
  Buffer.from(raw.target ?? '').copy(block, 157, 0, 100);
  block.write(raw.magic ?? 'ustar\x0000', 257, 'latin1');
  if (raw.prefix !== undefined) block.write(raw.prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(raw.checksum ?? `${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([block, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

export function rawTar(entries: readonly Raw[]): Buffer {
  return Buffer.concat([...entries.map(rawEntry), Buffer.alloc(1024)]);
}

export function paxRecord(keyword: string, value: string | Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(` ${keyword}=`), Buffer.from(value), Buffer.from('\n')]);
  for (let digits = 1; ; digits += 1) {
    const length = body.length + digits;
    if (String(length).length === digits) return Buffer.concat([Buffer.from(String(length)), body]);
  }
}
