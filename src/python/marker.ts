import { compare } from '../core/record.js';
import { normalizeName } from './name.js';
import type { Specifier } from './specifier.js';
import { contains, parseSpecifier } from './specifier.js';
import { Scanner } from './syntax.js';
import { parseVersion } from './version.js';

/** Variables of PEP 508, and of PEP 751 for lock files (`extras`, `dependency_groups`). */
export type MarkerVariable =
  | 'os_name'
  | 'sys_platform'
  | 'platform_machine'
  | 'platform_python_implementation'
  | 'platform_release'
  | 'platform_system'
  | 'platform_version'
  | 'python_version'
  | 'python_full_version'
  | 'implementation_name'
  | 'implementation_version'
  | 'extra'
  | 'extras'
  | 'dependency_groups';

export type MarkerOperator = '===' | '==' | '!=' | '~=' | '<=' | '>=' | '<' | '>' | 'in' | 'not in';

export type MarkerOperand = { readonly variable: MarkerVariable } | { readonly text: string };

/** A parsed marker: comparisons joined by `and` and `or`. */
export type Marker =
  | { readonly kind: 'compare'; readonly left: MarkerOperand; readonly operator: MarkerOperator; readonly right: MarkerOperand }
  | { readonly kind: 'and' | 'or'; readonly terms: readonly Marker[] };

/** What markers are evaluated over. */
export interface MarkerEnvironment {
  /** Values of the PEP 508 variables, as the builder's interpreter gives them; an absent one is the empty text. */
  readonly variables: Readonly<Record<string, string>>;
  /**
   * For `extra`: one normalised name, as installers evaluate metadata, or a set for which `==` means "contains"
   * (uv.lock and poetry.lock). Absent: none.
   */
  readonly extra?: string | ReadonlySet<string>;
  /** For `extras` and `dependency_groups` of PEP 751; normalised. */
  readonly extras?: ReadonlySet<string>;
  readonly dependencyGroups?: ReadonlySet<string>;
}

const VARIABLE = /[A-Za-z_][A-Za-z0-9_.]*/y;
const OPERATOR = /===|==|~=|!=|<=|>=|<|>/y;
const WORD_OPERATOR = /in\b|not[ \t]+in\b/y;
const QUOTED = /'[^']*'|"[^"]*"/y;
const BOOLEAN = /(?:and|or)\b/y;

/** Spellings that setuptools wrote before PEP 508 settled. */
const LEGACY_NAMES: Readonly<Record<string, MarkerVariable>> = {
  'os.name': 'os_name',
  'sys.platform': 'sys_platform',
  'platform.version': 'platform_version',
  'platform.machine': 'platform_machine',
  'platform.python_implementation': 'platform_python_implementation',
  python_implementation: 'platform_python_implementation',
};

const VARIABLES: ReadonlySet<string> = new Set<MarkerVariable>([
  'os_name',
  'sys_platform',
  'platform_machine',
  'platform_python_implementation',
  'platform_release',
  'platform_system',
  'platform_version',
  'python_version',
  'python_full_version',
  'implementation_name',
  'implementation_version',
  'extra',
  'extras',
  'dependency_groups',
]);

/** Those that are compared as versions where both sides are versions. */
const VERSIONS: ReadonlySet<MarkerVariable> = new Set<MarkerVariable>(['python_version', 'python_full_version', 'implementation_version', 'platform_release']);

/** Parses a whole marker expression (PEP 508); throws SyntaxFault. */
export function parseMarker(text: string): Marker {
  const scanner = new Scanner(text);
  const marker = parseMarkerAt(scanner);
  if (!scanner.atEnd()) scanner.fault('expected "and", "or" or the end of the marker');
  return marker;
}

/** Parses a marker where the scanner stands, and the white space after it. */
export function parseMarkerAt(scanner: Scanner): Marker {
  const alternatives: Marker[] = [];
  let conjunction: Marker[] = [parseAtom(scanner)];
  for (let word = scanner.take(BOOLEAN); word !== undefined; word = scanner.take(BOOLEAN)) {
    if (word === 'or') {
      alternatives.push(join('and', conjunction));
      conjunction = [];
    }
    conjunction.push(parseAtom(scanner));
  }
  return join('or', [...alternatives, join('and', conjunction)]);
}

/**
 * True if the marker holds. Variables that hold versions are compared by PEP 440; where a side is no version, and for all
 * other variables, texts are compared.
 */
export function evaluateMarker(marker: Marker, environment: MarkerEnvironment): boolean {
  if (marker.kind === 'compare') return evaluateComparison(marker, environment);
  return marker.kind === 'and' ? marker.terms.every((term) => evaluateMarker(term, environment)) : marker.terms.some((term) => evaluateMarker(term, environment));
}

/** As installers apply a marker of a package's metadata: it holds for one of the requested extras, or for none of them. */
export function markerApplies(marker: Marker | undefined, variables: Readonly<Record<string, string>>, extras: readonly string[] = []): boolean {
  if (marker === undefined) return true;
  return (extras.length === 0 ? [''] : extras).some((extra) => evaluateMarker(marker, { variables, extra }));
}

/** One text for all spellings of a marker: flat, terms sorted, no duplicates, double quotes, `extra` names normalised. */
export function canonicalMarker(marker: Marker): string {
  if (marker.kind === 'compare') {
    const names = [marker.left, marker.right].some((operand) => 'variable' in operand && NAMES.has(operand.variable));
    return [operandText(marker.left, names), marker.operator, operandText(marker.right, names)].join(' ');
  }
  const terms = flatten(marker, marker.kind).map((term) => (marker.kind === 'and' && term.kind === 'or' ? `(${canonicalMarker(term)})` : canonicalMarker(term)));
  return [...new Set(terms)].sort(compare).join(` ${marker.kind} `);
}

const NAMES: ReadonlySet<MarkerVariable> = new Set<MarkerVariable>(['extra', 'extras', 'dependency_groups']);

function flatten(marker: Marker, kind: 'and' | 'or'): readonly Marker[] {
  return marker.kind === kind ? marker.terms.flatMap((term) => flatten(term, kind)) : [marker];
}

function operandText(operand: MarkerOperand, isName: boolean): string {
  return 'variable' in operand ? operand.variable : JSON.stringify(isName ? normalizeName(operand.text) : operand.text);
}

function join(kind: 'and' | 'or', terms: readonly Marker[]): Marker {
  return terms.length === 1 ? (terms[0] as Marker) : { kind, terms };
}

function parseAtom(scanner: Scanner): Marker {
  scanner.skipSpace();
  if (scanner.text[scanner.position] !== '(') return parseComparison(scanner);
  const opened = scanner.position++;
  const marker = parseMarkerAt(scanner);
  if (scanner.text[scanner.position] !== ')') scanner.fault('this parenthesis of a marker is never closed', opened);
  scanner.position++;
  scanner.skipSpace();
  return marker;
}

function parseComparison(scanner: Scanner): Marker {
  const start = scanner.position;
  const left = parseOperand(scanner);
  const operator = parseOperator(scanner);
  const right = parseOperand(scanner);
  if ('variable' in left === 'variable' in right) scanner.fault('a marker compares one variable with one quoted text', start);
  const variable = 'variable' in left ? left.variable : 'variable' in right ? right.variable : undefined;
  if ((variable === 'extras' || variable === 'dependency_groups') && !('variable' in right && (operator === 'in' || operator === 'not in'))) {
    scanner.fault(`${variable} can only be used as: "name" in ${variable}`, start);
  }
  return { kind: 'compare', left, operator, right };
}

function parseOperand(scanner: Scanner): MarkerOperand {
  scanner.skipSpace();
  const start = scanner.position;
  const quoted = scanner.take(QUOTED);
  const name = quoted === undefined ? scanner.take(VARIABLE) : undefined;
  scanner.skipSpace();
  if (quoted !== undefined) return { text: unescape(quoted.slice(1, -1)) };
  if (name === undefined) return scanner.fault('expected a marker variable or a quoted text', start);
  const variable = LEGACY_NAMES[name] ?? name;
  if (!VARIABLES.has(variable)) scanner.fault(`unknown marker variable ${name}`, start);
  return { variable: variable as MarkerVariable };
}

function parseOperator(scanner: Scanner): MarkerOperator {
  const word = scanner.take(WORD_OPERATOR);
  const operator = word === undefined ? scanner.take(OPERATOR) : word === 'in' ? 'in' : 'not in';
  if (operator === undefined) return scanner.fault('expected a marker operator: <=, <, !=, ==, >=, >, ~=, ===, in, not in');
  return operator as MarkerOperator;
}

/** Quoted texts are Python literals. */
function unescape(text: string): string {
  if (!text.includes('\\')) return text;
  const simple: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\', "'": "'", '"': '"' };
  return text.replace(/\\(.)/g, (whole, letter: string) => simple[letter] ?? whole);
}

function evaluateComparison(marker: Extract<Marker, { kind: 'compare' }>, environment: MarkerEnvironment): boolean {
  const { left, operator, right } = marker;
  const variable = 'variable' in left ? left.variable : (right as { readonly variable: MarkerVariable }).variable;
  const set = setOf(variable, environment);
  if (set !== undefined) {
    const name = normalizeName('text' in left ? left.text : (right as { readonly text: string }).text);
    return set.has(name) === (operator === '==' || operator === 'in' || operator === '===');
  }
  const value = (operand: MarkerOperand): string => {
    if ('variable' in operand) return operand.variable === 'extra' ? normalizeName((environment.extra as string | undefined) ?? '') : variableValue(operand.variable, environment);
    return variable === 'extra' ? normalizeName(operand.text) : operand.text;
  };
  const [a, b] = [value(left), value(right)];
  return (VERSIONS.has(variable) ? compareAsVersions(a, operator, b) : undefined) ?? compareAsTexts(a, operator, b);
}

function setOf(variable: MarkerVariable, environment: MarkerEnvironment): ReadonlySet<string> | undefined {
  if (variable === 'extras') return environment.extras ?? new Set();
  if (variable === 'dependency_groups') return environment.dependencyGroups ?? new Set();
  return variable === 'extra' && typeof environment.extra === 'object' ? environment.extra : undefined;
}

/** Interpreters built from a checkout call themselves `3.13.0+`, which is no version. */
function variableValue(variable: MarkerVariable, environment: MarkerEnvironment): string {
  const value = environment.variables[variable] ?? '';
  return variable === 'python_full_version' && value.endsWith('+') ? `${value}local` : value;
}

function compareAsVersions(left: string, operator: MarkerOperator, right: string): boolean | undefined {
  const version = parseVersion(left);
  if (operator === 'in' || operator === 'not in' || version === undefined) return undefined;
  const specifier: Specifier | undefined = parseSpecifier(operator + right);
  return specifier === undefined ? undefined : contains([specifier], version, true);
}

function compareAsTexts(left: string, operator: MarkerOperator, right: string): boolean {
  switch (operator) {
    case 'in':
      return right.includes(left);
    case 'not in':
      return !right.includes(left);
    case '==':
      return left === right;
    case '===':
      return left.toLowerCase() === right.toLowerCase();
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    case '~=':
      return false;
  }
}
