import type { Marker } from './marker.js';
import { parseMarkerAt } from './marker.js';
import { isName, normalizeName } from './name.js';
import type { Specifier } from './specifier.js';
import { parseSpecifier } from './specifier.js';
import { Scanner } from './syntax.js';

/** A dependency specifier of PEP 508: `name[extra] >= 1 ; marker` or `name @ url ; marker`. */
export interface Dependency {
  /** Normalised. */
  readonly name: string;
  /** Normalised, sorted, without duplicates. */
  readonly extras: readonly string[];
  readonly specifiers: readonly Specifier[];
  /** As written. */
  readonly url?: string;
  /** Where the URL starts in the text. */
  readonly urlOffset?: number;
  readonly marker?: Marker;
}

const IDENTIFIER = /[A-Za-z0-9][A-Za-z0-9._-]*/y;
const URL_WORD = /[^ \t]+/y;
const CLAUSE = /(?:===[ \t]*[^ \t;),]*|(?:==|~=|!=|<=|>=|<|>)[ \t]*[^ \t;),]*)/y;
const COMMA = /,/y;

/** Parses a dependency specifier; throws SyntaxFault. */
export function parseDependency(text: string): Dependency {
  const scanner = new Scanner(text);
  scanner.skipSpace();
  const name = identifier(scanner, 'expected the name of a package');
  scanner.skipSpace();
  const extras = parseExtras(scanner);
  scanner.skipSpace();
  if (text[scanner.position] === '@') return { name, extras, specifiers: [], ...parseUrl(scanner) };
  const specifiers = parseClauses(scanner);
  scanner.skipSpace();
  const marker = parseMarkerPart(scanner, specifiers.length === 0 ? '==, another version comparison, ";" or the end' : '",", ";" or the end');
  return { name, extras, specifiers, ...(marker === undefined ? {} : { marker }) };
}

/** Parses `[extra, …]` alone; throws SyntaxFault. */
export function parseExtrasText(text: string): readonly string[] {
  const scanner = new Scanner(text);
  const extras = parseExtras(scanner);
  if (!scanner.atEnd()) scanner.fault('expected the end after "]"');
  return extras;
}

function parseUrl(scanner: Scanner): Pick<Dependency, 'url' | 'urlOffset' | 'marker'> {
  scanner.position++;
  scanner.skipSpace();
  const urlOffset = scanner.position;
  const url = scanner.take(URL_WORD) ?? scanner.fault('expected a URL after "@"');
  scanner.skipSpace();
  const marker = parseMarkerPart(scanner, '";" or the end after the URL');
  return { url, urlOffset, ...(marker === undefined ? {} : { marker }) };
}

function parseMarkerPart(scanner: Scanner, expected: string): Marker | undefined {
  if (scanner.atEnd()) return undefined;
  if (scanner.text[scanner.position] !== ';') return scanner.fault(`expected ${expected}`);
  scanner.position++;
  const marker = parseMarkerAt(scanner);
  if (!scanner.atEnd()) scanner.fault('expected "and", "or" or the end of the marker');
  return marker;
}

function parseExtras(scanner: Scanner): readonly string[] {
  if (scanner.text[scanner.position] !== '[') return [];
  const opened = scanner.position++;
  const extras = new Set<string>();
  scanner.skipSpace();
  while (scanner.text[scanner.position] !== ']') {
    if (scanner.atEnd()) scanner.fault('this "[" is never closed', opened);
    if (extras.size > 0) {
      if (scanner.take(COMMA) === undefined) scanner.fault('expected "," or "]" after the name of an extra');
      scanner.skipSpace();
    }
    extras.add(identifier(scanner, 'expected the name of an extra'));
    scanner.skipSpace();
  }
  scanner.position++;
  return [...extras].sort();
}

function parseClauses(scanner: Scanner): readonly Specifier[] {
  const opened = scanner.text[scanner.position] === '(' ? scanner.position++ : undefined;
  const specifiers: Specifier[] = [];
  scanner.skipSpace();
  for (let start = scanner.position, clause = scanner.take(CLAUSE); clause !== undefined; start = scanner.position, clause = scanner.take(CLAUSE)) {
    specifiers.push(parseSpecifier(clause) ?? scanner.fault(`${clause.trim()} is not a version specifier`, start));
    scanner.skipSpace();
    if (scanner.take(COMMA) === undefined) break;
    scanner.skipSpace();
  }
  if (opened === undefined) return specifiers;
  if (scanner.text[scanner.position] !== ')') scanner.fault('this "(" is never closed', opened);
  scanner.position++;
  return specifiers;
}

function identifier(scanner: Scanner, expected: string): string {
  const start = scanner.position;
  const text = scanner.take(IDENTIFIER) ?? scanner.fault(expected);
  if (!isName(text)) scanner.fault(`${text} is not a valid name: it must end in a letter or a digit`, start);
  return normalizeName(text);
}
