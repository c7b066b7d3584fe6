import { fail } from '../core/failure.js';
import type { Directives } from './directives.js';
import type { SourceText } from './source-text.js';

/** An instruction's line with its continuations joined, comments and empty lines between them dropped. */
export class LogicalLine {
  constructor(
    readonly text: string,
    private readonly pieces: readonly Piece[],
  ) {}

  /** Offset in the file of a character of `text`; for `text.length` the offset behind the last one. */
  sourceOffset(index: number): number {
    let piece = this.pieces[0]!;
    for (const next of this.pieces) {
      if (next.start > index || (next.start === index && index === this.text.length && next.start > 0)) break;
      piece = next;
    }
    return piece.offset + (index - piece.start);
  }
}

/** `start` in the joined text is `offset` in the file. */
interface Piece {
  readonly start: number;
  readonly offset: number;
}

/** Bytes of a line without its line feed; builders take no longer ones. */
const LONGEST = 65_535;

/** Hands out logical lines one by one, and raw lines between them for heredocs. */
export class LineReader {
  readonly #source: SourceText;
  readonly #text: string;
  readonly #continuation: RegExp;
  #offset: number;

  constructor(source: SourceText, directives: Directives) {
    this.#source = source;
    this.#text = source.text;
    this.#offset = source.text.startsWith('\uFEFF') ? 1 : 0;
    const escape = directives.escape === '`' ? '`' : '\\\\';
    // An escape character that is itself escaped continues nothing.
    this.#continuation = new RegExp(`(?:^|[^${escape}])(${escape}[ \\t]*)$`);
  }

  /** The next raw line with its line ending, and where it starts. Fails (reason `dockerfile`) for one that no builder would read. */
  rawLine(): { readonly text: string; readonly offset: number } | undefined {
    if (this.#offset >= this.#text.length) return undefined;
    const offset = this.#offset;
    const end = this.#text.indexOf('\n', offset);
    this.#offset = end === -1 ? this.#text.length : end + 1;
    const text = this.#text.slice(offset, this.#offset);
    if (text.length > LONGEST / 4 && Buffer.byteLength(text.replace('\n', '')) > LONGEST) {
      fail({ reason: 'dockerfile', message: `the line is longer than ${LONGEST} bytes, which no builder reads`, place: this.#source.place(offset), advice: 'break it with \\ at the ends of lines' });
    }
    return { text, offset };
  }

  /** The next instruction's line; undefined at the end of the file. */
  logicalLine(): LogicalLine | undefined {
    for (let raw = this.rawLine(); raw !== undefined; raw = this.rawLine()) {
      const line = withoutLineEnd(raw.text);
      const indent = line.length - line.trimStart().length;
      if (indent === line.length || line[indent] === '#') continue;
      const joined = this.#join(line.slice(indent), raw.offset + indent);
      if (joined.text !== '') return joined;
    }
    return undefined;
  }

  #join(first: string, offset: number): LogicalLine {
    let { text, open } = this.#withoutContinuation(first);
    const pieces: Piece[] = [{ start: 0, offset }];
    while (open) {
      const raw = this.rawLine();
      if (raw === undefined) break;
      const line = withoutLineEnd(raw.text);
      if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
      const next = this.#withoutContinuation(line);
      pieces.push({ start: text.length, offset: raw.offset });
      text += next.text;
      open = next.open;
    }
    return new LogicalLine(text, pieces);
  }

  #withoutContinuation(line: string): { text: string; open: boolean } {
    const match = this.#continuation.exec(line);
    if (match === null) return { text: line, open: false };
    return { text: line.slice(0, line.length - match[1]!.length), open: true };
  }
}

/** Without line feeds and carriage returns at its end. */
export function withoutLineEnd(line: string): string {
  let end = line.length;
  while (end > 0 && '\r\n'.includes(line[end - 1]!)) end -= 1;
  return line.slice(0, end);
}
