/** A here-document of RUN, COPY or ADD. */
export interface Heredoc {
  /** The terminator; for COPY and ADD also the file's name. */
  readonly name: string;
  /** As written, with line endings. */
  readonly content: string;
  /** False if the name was quoted: variables stay as they are. */
  readonly expand: boolean;
  /** Leading tabs are dropped (`<<-`). */
  readonly chomp: boolean;
}

export type HeredocStart = Omit<Heredoc, 'content'>;

const START = /^(\d*)<<(-?)([^<]*)$/;

/** The here-documents that a word opens, `<<EOF`, `<<-"EOF"`, `3<<EOF`; undefined if it opens none. */
export function heredocStart(word: string): HeredocStart | undefined {
  const match = START.exec(word);
  const rest = match?.[3];
  if (rest === undefined || rest === '') return undefined;
  const name = unquoted(rest);
  if (name === undefined || name === '' || /\s/.test(name)) return undefined;
  return { name, expand: name === rest, chomp: match![2] === '-' };
}

function unquoted(text: string): string | undefined {
  let name = '';
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]!;
    if (char === '"' || char === "'") {
      const end = text.indexOf(char, at + 1);
      if (end === -1) return undefined;
      name += text.slice(at + 1, end);
      at = end;
    } else if (char === '\\' && at + 1 < text.length) {
      name += text[++at]!;
    } else {
      name += char;
    }
  }
  return name;
}
