/** One element of a path pattern: as a regular expression, and for matching without one. */
export interface Step {
  readonly regex: string;
  /** It may match any number of characters. */
  readonly repeats: boolean;
  /** Whether a character (code point) is one of those. */
  readonly takes: (char: string) => boolean;
  /** Of those that repeat: the last character has to be a slash, if there is any. */
  readonly toSlash?: true;
}

const isNoSlash = (char: string): boolean => char !== '/';

/** `**` at the end. */
export const ANYTHING: Step = { regex: '.*', repeats: true, takes: () => true };
/** `**` and a slash. */
export const FOLDERS: Step = { regex: '(?:.*/)?', repeats: true, takes: () => true, toSlash: true };
export const ANY_NAME: Step = { regex: '[^/]*', repeats: true, takes: isNoSlash };
export const ANY_CHARACTER: Step = { regex: '[^/]', repeats: false, takes: isNoSlash };

export function literalStep(char: string): Step {
  return { regex: /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char, repeats: false, takes: (other) => other === char };
}

/** `regex` matches one character. */
export function classStep(regex: string): Step {
  const whole = new RegExp(`^${regex}$`, 'su');
  return { regex, repeats: false, takes: (char) => whole.test(char) };
}

/**
 * Matches whole texts, all ways at once: the time is that of the text times that of the pattern, however many wildcards there
 * are. (A regular expression tries the ways one after the other, and there may be more than anybody can wait for.)
 */
export function stepMatcher(steps: readonly Step[]): { test(text: string): boolean } {
  return {
    test(text) {
      let places = new Places(steps);
      places.reach(0);
      for (const char of text) {
        places = places.after(char);
        if (places.none) return false;
      }
      return places.atEnd;
    },
  };
}

/** Where in a pattern one can be: before a step, or within one, where a slash has to come still. */
class Places {
  none = true;
  readonly #before: Uint8Array;
  readonly #within: Uint8Array;

  constructor(private readonly steps: readonly Step[]) {
    this.#before = new Uint8Array(steps.length + 1);
    this.#within = new Uint8Array(steps.length);
  }

  get atEnd(): boolean {
    return this.#before[this.steps.length] === 1;
  }

  /** Adds the place before a step, and those behind steps that may match nothing. */
  reach(index: number): void {
    this.none = false;
    for (let at = index; this.#before[at] === 0; at += 1) {
      this.#before[at] = 1;
      if (this.steps[at]?.repeats !== true) return;
    }
  }

  /** The places after one more character. */
  after(char: string): Places {
    const next = new Places(this.steps);
    for (const [index, step] of this.steps.entries()) {
      if ((this.#before[index] === 0 && this.#within[index] === 0) || !step.takes(char)) continue;
      if (step.toSlash !== true) next.reach(step.repeats ? index : index + 1);
      else {
        next.none = false;
        next.#within[index] = 1;
        if (char === '/') next.reach(index + 1);
      }
    }
    return next;
  }
}
