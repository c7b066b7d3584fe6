/** What is shown instead of a secret. */
const MASK = '***';
/** Shorter values, and these words, are settings and no secrets: masking them would only garble the log. */
const SHORTEST = 4;
const PLAIN = new Set(['true', 'false', 'none', 'null']);

/** Replaces the given secrets, and the user information of any URL, in one line. */
export type Mask = (line: string) => string;

/** A mask for these values; for a value that is a URL also for its user name and password alone. */
export function maskOf(secrets: Iterable<string>): Mask {
  const values = new Set<string>();
  for (const secret of secrets) for (const value of [secret.trim(), ...secret.split('\n'), ...userInfo(secret)]) if (isSecret(value)) values.add(value);
  // Longest first: a secret may contain another.
  const ordered = [...values].sort((a, b) => b.length - a.length);
  return (line) => ordered.reduce((text, value) => text.replaceAll(value, MASK), line.replace(/(:\/\/)[^/\s@]+@/g, `$1${MASK}@`));
}

function isSecret(value: string): boolean {
  return value.length >= SHORTEST && !PLAIN.has(value);
}

function userInfo(value: string): readonly string[] {
  if (!URL.canParse(value)) return [];
  const { username, password } = new URL(value);
  return password === '' ? [username, decoded(username)] : [password, decoded(password)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
