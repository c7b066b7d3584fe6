import { Failed, type Problem } from '../core/failure.js';
import { nearest } from '../util/nearest.js';
import { heredocStart, type HeredocStart } from './heredoc.js';
import type { Flag, Instruction, Word } from './instruction.js';
import type { LogicalLine } from './logical-line.js';
import type { SourceText } from './source-text.js';

/** Flags of each instruction; an instruction that is not here does not exist. */
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  ADD: ['chown', 'chmod', 'link', 'keep-git-dir', 'checksum', 'exclude', 'unpack'],
  ARG: [],
  CMD: [],
  COPY: ['chown', 'chmod', 'from', 'link', 'parents', 'exclude'],
  ENTRYPOINT: [],
  ENV: [],
  EXPOSE: [],
  FROM: ['platform'],
  HEALTHCHECK: ['interval', 'timeout', 'start-period', 'start-interval', 'retries'],
  LABEL: [],
  MAINTAINER: [],
  ONBUILD: [],
  RUN: ['mount', 'network', 'security', 'device'],
  SHELL: [],
  STOPSIGNAL: [],
  USER: [],
  VOLUME: [],
  WORKDIR: [],
};

/** These take a JSON array instead of words. */
const JSON_FORM = new Set(['ADD', 'CMD', 'COPY', 'ENTRYPOINT', 'HEALTHCHECK', 'RUN', 'SHELL', 'VOLUME']);
const HEREDOCS = new Set(['ADD', 'COPY', 'RUN']);

export type ParsedLine = Omit<Instruction, 'heredocs' | 'trigger'> & {
  readonly heredocs: readonly HeredocStart[];
  readonly trigger?: ParsedLine;
};

/** Splits a logical line into keyword, flags and arguments. Throws Failed (reason `dockerfile`) with the place. */
export function parseLine(line: LogicalLine, source: SourceText, escape: string): ParsedLine {
  return new LineParser(line, source, escape).instruction(0);
}

class LineParser {
  constructor(
    private readonly line: LogicalLine,
    private readonly source: SourceText,
    private readonly escape: string,
  ) {}

  instruction(start: number): ParsedLine {
    const { text } = this.line;
    const keyword = /^[^\s]+/.exec(text.slice(start))?.[0] ?? '';
    const upper = keyword.toUpperCase();
    if (FLAGS[upper] === undefined) {
      const near = nearest(upper, Object.keys(FLAGS));
      this.fail(start, `"${keyword}" is not a Dockerfile instruction`, near === undefined ? 'a line that goes on ends with \\ (or with what `# escape` says); a comment begins with #' : `did you mean ${near}?`);
    }
    const { flags, rest } = this.#flags(start + keyword.length);
    this.#checkFlags(upper, flags);
    const body = text.slice(rest).trimEnd();
    const range = { start: this.line.sourceOffset(start), end: this.line.sourceOffset(text.length) };
    if (upper === 'ONBUILD') return this.#onbuild(rest, body, range);
    const listed = JSON_FORM.has(upper) ? this.#json(upper, rest, body) : undefined;
    const words = listed ?? this.#words(rest, body, upper);
    const heredocs = HEREDOCS.has(upper) && listed === undefined ? this.#heredocs(words, body) : [];
    return { keyword: upper, flags, text: body, words, json: listed !== undefined, heredocs, ...range };
  }

  #onbuild(rest: number, body: string, range: { start: number; end: number }): ParsedLine {
    if (body === '') this.fail(rest, 'ONBUILD needs an instruction', 'write for example ONBUILD COPY . /app');
    if (/^ONBUILD(?:\s|$)/i.test(body)) this.fail(rest, "ONBUILD can't be an ONBUILD trigger", 'write it in the Dockerfiles that are built from this image');
    const trigger = this.instruction(rest);
    if (['FROM', 'MAINTAINER'].includes(trigger.keyword)) {
      this.fail(rest, `${trigger.keyword} can't be an ONBUILD trigger`, 'write it in the Dockerfiles that are built from this image');
    }
    return { keyword: 'ONBUILD', flags: [], text: body, words: [], json: false, heredocs: trigger.heredocs, trigger, ...range };
  }

  /** Leading `--…` words; quotes are removed and a backslash takes the next character, as the engine does here. */
  #flags(from: number): { flags: Flag[]; rest: number } {
    const { text } = this.line;
    const flags: Flag[] = [];
    let at = from;
    for (;;) {
      while (at < text.length && /\s/.test(text[at]!)) at += 1;
      if (!text.startsWith('--', at)) return { flags, rest: at };
      const start = at;
      let word = '';
      let quote = '';
      for (; at < text.length; at += 1) {
        const char = text[at]!;
        if (quote === '' && /\s/.test(char)) break;
        if (char === quote) quote = '';
        else if (quote === '' && (char === '"' || char === "'")) quote = char;
        else word += char === '\\' && at + 1 < text.length ? text[++at]! : char;
      }
      if (word === '--') {
        while (at < text.length && /\s/.test(text[at]!)) at += 1;
        return { flags, rest: at };
      }
      flags.push(this.#flag(word, start, at));
    }
  }

  #flag(word: string, start: number, end: number): Flag {
    const equals = word.indexOf('=');
    const range = { start: this.line.sourceOffset(start), end: this.endOffset(end) };
    if (equals === -1) return { name: word.slice(2), ...range };
    const written = this.line.text.indexOf('=', start);
    const valueRange = { start: this.line.sourceOffset(written + 1), end: this.endOffset(end) };
    return { name: word.slice(2, equals), value: word.slice(equals + 1), valueRange, ...range };
  }

  #checkFlags(keyword: string, flags: readonly Flag[]): void {
    const known = FLAGS[keyword]!;
    for (const flag of flags) {
      if (known.includes(flag.name)) continue;
      const near = nearest(flag.name, known);
      const place = this.source.place(flag.start);
      const advice = near !== undefined ? { advice: `did you mean --${near}?` } : known.length > 0 ? { advice: `its flags are ${known.map((name) => `--${name}`).join(', ')}` } : { advice: 'leave it away: it has none' };
      throw new Failed({ reason: 'dockerfile', message: `${keyword} has no flag --${flag.name}`, place, ...advice });
    }
  }

  /** The JSON form; undefined if it is not one. HEALTHCHECK's array stands behind its CMD. */
  #json(keyword: string, rest: number, body: string): Word[] | undefined {
    const lead = keyword === 'HEALTHCHECK' ? (/^CMD\s+/i.exec(body)?.[0].length ?? 0) : 0;
    const array = body.slice(lead);
    if (!array.startsWith('[')) return undefined;
    let values: unknown;
    try {
      values = JSON.parse(array);
    } catch {
      return undefined;
    }
    if (!Array.isArray(values) || !values.every((value): value is string => typeof value === 'string')) return undefined;
    const strings = [...array.matchAll(/"(?:[^"\\]|\\.)*"/g)];
    return values.map((text, index) => {
      const start = rest + lead + strings[index]!.index;
      return { text, start: this.line.sourceOffset(start), end: this.endOffset(start + strings[index]![0].length) };
    });
  }

  /** Words between white space. ENV, ARG and LABEL keep white space within quotes and behind escapes. */
  #words(rest: number, body: string, keyword: string): Word[] {
    const quoting = ['ENV', 'ARG', 'LABEL'].includes(keyword);
    const words: Word[] = [];
    for (let at = 0; at < body.length; ) {
      if (/\s/.test(body[at]!)) {
        at += 1;
        continue;
      }
      const start = at;
      let quote = '';
      for (; at < body.length; at += 1) {
        const char = body[at]!;
        if (quote === '' && /\s/.test(char)) break;
        if (!quoting) continue;
        if (char === this.escape && quote !== "'") at += 1;
        else if (char === quote) quote = '';
        else if (quote === '' && (char === '"' || char === "'")) quote = char;
      }
      const end = Math.min(at, body.length);
      words.push({
        text: body.slice(start, end),
        start: this.line.sourceOffset(rest + start),
        end: this.endOffset(rest + end),
      });
      at = end;
    }
    return words;
  }

  #heredocs(words: readonly Word[], body: string): HeredocStart[] {
    if (!body.includes('<<')) return [];
    return shellWords(body, words).flatMap((word) => heredocStart(word) ?? []);
  }

  /** Offset behind the character before `index`, so that a word at a line's end does not reach into the next line. */
  endOffset(index: number): number {
    return index === 0 ? this.line.sourceOffset(0) : this.line.sourceOffset(index - 1) + 1;
  }

  fail(index: number, message: string, advice?: string): never {
    const problem: Problem = { reason: 'dockerfile', message, place: this.source.place(this.line.sourceOffset(index)) };
    throw new Failed(advice === undefined ? problem : { ...problem, advice });
  }
}

/** Words as a shell splits them, quotes kept: a `<<` inside of quotes opens no here-document. */
function shellWords(body: string, plain: readonly Word[]): string[] {
  if (!/["'\\]/.test(body)) return plain.map((word) => word.text);
  const words: string[] = [];
  let word = '';
  let quote = '';
  for (let at = 0; at < body.length; at += 1) {
    const char = body[at]!;
    if (quote === '' && /\s/.test(char)) {
      if (word !== '') words.push(word);
      word = '';
      continue;
    }
    if (char === '\\' && quote !== "'") {
      word += char + (body[++at] ?? '');
      continue;
    }
    if (char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
    word += char;
  }
  if (word !== '') words.push(word);
  return words;
}
