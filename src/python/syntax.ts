/**
 * Thrown by the parsers of the small grammars (dependency specifiers, markers) with the 0-based offset of what is wrong in
 * the text they were given. Whoever knows the file turns it into a Problem with a place.
 */
export class SyntaxFault extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = 'SyntaxFault';
    this.offset = offset;
  }
}

/** A position in a text that only moves forward. */
export class Scanner {
  readonly text: string;
  position: number;

  constructor(text: string, position = 0) {
    this.text = text;
    this.position = position;
  }

  /** Takes what a sticky pattern matches here; undefined and no move if it does not. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.position;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.position += found.length;
    return found;
  }

  skipSpace(): void {
    while (this.text[this.position] === ' ' || this.text[this.position] === '\t') this.position++;
  }

  atEnd(): boolean {
    return this.position >= this.text.length;
  }

  fault(message: string, offset = this.position): never {
    throw new SyntaxFault(message, offset);
  }
}
