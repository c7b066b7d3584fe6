import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument, visit } from 'yaml';
import type { Alias, Document, YAMLError } from 'yaml';
import type { Problem } from '../core/failure.js';
import type { Place } from '../core/place.js';
import type { Entry, MapNode, Node, ScalarNode } from './node.js';

/** More values than any honest project file has once its aliases are written out; ends "billion laughs" early. */
const MOST_VALUES = 50_000;
const DEEPEST = 50;
const CONTROL = /[\0-\x08\x0b-\x1f\x7f-\x9f]/;

type Report = (problem: Problem) => void;

/**
 * Parses YAML 1.2 (core schema) into nodes with places. Aliases are written out and `<<` merges are applied.
 * Problems go to `report`; undefined if the text has no value that could be looked at further (a syntax error, nothing).
 */
export function parseYaml(text: string, file: string, report: Report): Node | undefined {
  const lines = new LineCounter();
  const document = parseBounded(text, lines, file, report);
  if (!document) return undefined;
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  if (document.errors.length > 0) {
    for (const problem of syntaxProblems(document.errors, placeOf)) report(problem);
    return undefined;
  }
  const { yaml } = document.directives ?? {};
  if (yaml?.explicit && yaml.version !== '1.2') {
    report({ reason: 'config', message: `the file says that it is YAML ${yaml.version}`, place: { file, line: 1, column: 1 }, advice: 'Remove the %YAML line: project files are YAML 1.2' });
    return undefined;
  }
  for (const warning of document.warnings) report({ reason: 'config', message: warning.message, place: placeOf(warning.pos[0]) });
  if (document.contents === null) return undefined;
  return new Converter(aliasTargets(document), placeOf, report).convert(document.contents);
}

/** Undefined, after a report, for text so deeply nested that the parser runs out of stack. */
function parseBounded(text: string, lines: LineCounter, file: string, report: Report): Document | undefined {
  try {
    return parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, strict: true, version: '1.2' });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    report({ reason: 'config', message: `the project file has more than ${DEEPEST} levels of nesting`, place: { file, line: 1, column: 1 } });
    return undefined;
  }
}

/** What each alias stands for: the last node before it with that anchor. In one pass, where the library searches anew for each alias. */
function aliasTargets(document: Document): Map<Alias, unknown> {
  const anchors = new Map<string, unknown>();
  const targets = new Map<Alias, unknown>();
  visit(document, (_, node) => {
    if (isAlias(node)) targets.set(node, anchors.get(node.source));
    else if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined) anchors.set(node.anchor, node);
  });
  return targets;
}

/** The parser goes on after an error and often complains about its consequences: one problem per line is enough. */
function syntaxProblems(errors: readonly YAMLError[], placeOf: (offset: number) => Place): Problem[] {
  const byLine = new Map<number, Problem>();
  for (const error of errors) {
    const place = placeOf(error.pos[0]);
    if (byLine.has(place.line)) continue;
    const advice = ADVICE[error.code];
    const message = MESSAGES[error.code] ?? error.message.replace(/^Missing closing (.)quote$/, 'the closing $1 is missing');
    byLine.set(place.line, { reason: 'config', message: `not valid YAML: ${message}`, place, ...(advice ? { advice } : {}) });
  }
  return [...byLine.values()];
}

const MESSAGES: { readonly [code: string]: string } = {
  MULTIPLE_DOCS: 'the file has a second document',
  TAB_AS_INDENT: 'a tab is used as indentation',
};

const ADVICE: { readonly [code: string]: string } = {
  MULTIPLE_DOCS: 'Remove everything from the `---` on, or move it to a file of its own',
  TAB_AS_INDENT: 'Indent with spaces',
  BAD_SCALAR_START: 'Put the value in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'Check the indentation, or put a value that has a colon in quotes',
};

class Converter {
  private values = 0;
  private stopped = false;
  /** Collections that are being converted: an alias to one of them would never end. */
  private readonly open = new Set<unknown>();

  constructor(
    private readonly targets: ReadonlyMap<Alias, unknown>,
    private readonly placeOf: (offset: number) => Place,
    private readonly report: Report,
  ) {}

  convert(node: unknown): Node | undefined {
    if (this.stopped) return undefined;
    if (isAlias(node)) return this.convertAlias(node);
    const place = this.place(node);
    if (++this.values > MOST_VALUES) return this.stop(`more than ${MOST_VALUES} values`, place);
    if (isScalar(node)) return this.convertScalar(node, place);
    if (!isMap(node) && !isSeq(node)) return undefined;
    if (this.open.size >= DEEPEST) return this.stop(`more than ${DEEPEST} levels of nesting`, place);
    this.open.add(node);
    const converted: Node = isMap(node)
      ? this.convertMap(node.items, place)
      : { type: 'list', place, items: node.items.map((item) => this.convert(item)).filter((item) => item !== undefined) };
    this.open.delete(node);
    return converted;
  }

  private convertAlias(alias: Alias): Node | undefined {
    const target = this.targets.get(alias);
    const place = this.place(alias);
    if (target === undefined) {
      this.report({ reason: 'config', message: `the alias *${alias.source} has no anchor &${alias.source} before it`, place });
      return undefined;
    }
    if (this.open.has(target)) {
      this.report({ reason: 'config', message: `the alias *${alias.source} contains itself`, place });
      return undefined;
    }
    return this.convert(target);
  }

  private convertMap(items: readonly { key: unknown; value: unknown }[], place: Place): MapNode {
    const entries = new Map<string, Entry>();
    const merges: Node[] = [];
    for (const item of items) {
      const keyNode = isAlias(item.key) ? this.targets.get(item.key) : item.key;
      const keyPlace = this.place(item.key);
      if (!isScalar(keyNode) || typeof keyNode.value !== 'string') {
        this.report({ reason: 'config', message: 'a key must be text', place: keyPlace, advice: 'Put the key in quotes' });
        continue;
      }
      const name = this.convertScalar(keyNode, keyPlace)?.source;
      if (name === undefined) continue;
      const value = this.convert(item.value) ?? (item.value === null ? emptyAt(keyPlace) : undefined);
      if (value === undefined) continue;
      if (name === '<<' && keyNode.type === 'PLAIN') {
        merges.push(value);
        continue;
      }
      const first = entries.get(name);
      if (first) {
        const related = { message: 'first given here', place: first.key.place };
        this.report({ reason: 'config', message: `the key ${JSON.stringify(name)} is given twice`, place: keyPlace, related });
      } else {
        entries.set(name, { key: { value: name, place: keyPlace }, value });
      }
    }
    for (const merge of merges) this.merge(merge, entries);
    return { type: 'map', place, entries: [...entries.values()] };
  }

  /** YAML 1.1 merge: keys of the map itself win, then those of earlier merged maps. */
  private merge(node: Node, entries: Map<string, Entry>): void {
    for (const source of node.type === 'list' ? node.items : [node]) {
      if (source.type !== 'map') {
        this.report({ reason: 'config', message: '<< takes an alias of a map, or a list of them', place: source.place });
        continue;
      }
      for (const entry of source.entries) if (!entries.has(entry.key.value)) entries.set(entry.key.value, entry);
    }
  }

  private convertScalar({ value, source }: { value: unknown; source?: string }, place: Place): ScalarNode | undefined {
    if (typeof value === 'number' || typeof value === 'boolean' || value === null) return { type: 'scalar', place, value, source: source ?? String(value) };
    const text = String(value);
    if (!CONTROL.test(text)) return { type: 'scalar', place, value: text, source: text };
    // Quoted text can hold what the file itself must not: "\0" would cut a path short, "\e" would drive a terminal.
    this.report({ reason: 'config', message: 'the text has a control character', place, advice: 'Remove it' });
    return undefined;
  }

  private stop(what: string, place: Place): undefined {
    this.stopped = true;
    this.report({ reason: 'config', message: `the project file has ${what}`, place, advice: 'Use fewer aliases' });
  }

  private place(node: unknown): Place {
    const range = (node as { range?: readonly number[] | null } | null)?.range;
    return this.placeOf(range?.[0] ?? 0);
  }
}

function emptyAt(place: Place): Node {
  return { type: 'scalar', place, value: null, source: '' };
}
