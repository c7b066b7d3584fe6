/** What a server asks for in `WWW-Authenticate` (RFC 9110, 11.6.1). Scheme and parameter names are in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const SEPARATOR = /[\s,]*/y;
const EQUALS = /\s*=\s*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
/** A value without quotes; wider than the standard, because servers are. */
const BARE = /[^\s,"]+/y;

/** All challenges of one header, or of several joined by commas. What can't be understood ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(header) ?? undefined;
    if (match !== undefined) at += match[0].length;
    return match;
  };
  for (;;) {
    take(SEPARATOR);
    const name = take(TOKEN)?.[0];
    if (name === undefined) return challenges;
    const current = challenges.at(-1);
    if (current === undefined || take(EQUALS) === undefined) {
      challenges.push({ scheme: name.toLowerCase(), parameters: {} });
      continue;
    }
    const quoted = take(QUOTED)?.[1];
    const value = quoted === undefined ? take(BARE)?.[0] : quoted.replace(/\\(.)/g, '$1');
    if (value === undefined) return challenges;
    current.parameters[name.toLowerCase()] ??= value;
  }
}

/** The challenge that we can meet, tokens before passwords. */
export function chooseChallenge(header: string | undefined): Challenge | undefined {
  const challenges = parseChallenges(header ?? '');
  return challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters['realm'] !== undefined) ?? challenges.find(({ scheme }) => scheme === 'basic');
}
