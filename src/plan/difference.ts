import { canonical, compare } from '../core/record.js';
import type { Data } from '../core/record.js';

/** The members of a record: key records and everything nested in them. */
export type Members = { readonly [member: string]: Data | undefined };

/** One leaf that two records do not share; `before` is absent if it was added, `after` if it was removed. */
export interface Difference {
  /** Member names from the record's top: `['packages', 'flask']`. */
  readonly path: readonly string[];
  readonly before?: Data;
  readonly after?: Data;
}

/**
 * What changed from one record to another, member by member and sorted by path. Lists of plain values are compared as
 * sets (and as a whole if only their order differs); lists of maps that all have a `name` of their own, by name.
 */
export function diffRecords(before: Members, after: Members): Difference[] {
  return diffMembers([], before, after);
}

/**
 * The earlier record with the fewest differences, the newest of several; `history` is oldest first. Records equal to
 * `record` are no answer to "what changed". Undefined if there is no other.
 */
export function nearestRecord<R extends Members>(history: readonly R[], record: Members): R | undefined {
  let best: { record: R; count: number } | undefined;
  for (const earlier of history) {
    const count = diffRecords(earlier, record).length;
    if (count > 0 && (!best || count <= best.count)) best = { record: earlier, count };
  }
  return best?.record;
}

/** One line: `packages.flask: 3.0.1 → 3.1.0`, `packages.flask: added 3.1.0`, `packages.flask: removed (was 3.0.1)`. */
export function renderDifference({ path, before, after }: Difference): string {
  const name = path.map((member) => printable(member)).join('.');
  if (before === undefined) return `${name}: added ${render(after!)}`;
  if (after === undefined) return `${name}: removed (was ${render(before)})`;
  const [from, to] = [render(before), render(after)];
  return from === to ? `${name}: changed beyond what fits here, ${from}` : `${name}: ${from} → ${to}`;
}

function diff(path: readonly string[], before: Data | undefined, after: Data | undefined): Difference[] {
  if (before === undefined && after === undefined) return [];
  if (before === undefined) return [{ path, after: after! }];
  if (after === undefined) return [{ path, before }];
  if (isList(before) && isList(after)) return diffLists(path, before, after);
  if (isMembers(before) && isMembers(after)) return diffMembers(path, before, after);
  return canonical(before) === canonical(after) ? [] : [{ path, before, after }];
}

function diffMembers(path: readonly string[], before: Members, after: Members): Difference[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].sort(compare).flatMap((name) => diff([...path, name], own(before, name), own(after, name)));
}

function diffLists(path: readonly string[], before: readonly Data[], after: readonly Data[]): Difference[] {
  if (canonical(before) === canonical(after)) return [];
  const [named, namedAfter] = [byName(before), byName(after)];
  if (named && namedAfter) {
    const differences = diffMembers(path, named, namedAfter);
    return differences.length > 0 ? differences : [{ path, before: Object.keys(named), after: Object.keys(namedAfter) }];
  }
  if (![...before, ...after].every(isPlain)) return [{ path, before, after }];
  const removed = without(before, after);
  const added = without(after, before);
  if (removed.length === 0 && added.length === 0) return [{ path, before, after }];
  // A list of one value, on both sides, reads best as a change of that value.
  if (removed.length === 1 && added.length === 1) return [{ path, before: removed[0]!, after: added[0]! }];
  return [...removed.map((value) => ({ path, before: value })), ...added.map((value) => ({ path, after: value }))];
}

/** The values of `list` that `other` does not have, or has less often. */
function without(list: readonly Data[], other: readonly Data[]): Data[] {
  const counts = new Map<string, number>();
  for (const value of other) counts.set(canonical(value), (counts.get(canonical(value)) ?? 0) + 1);
  return list.filter((value) => {
    const left = counts.get(canonical(value)) ?? 0;
    counts.set(canonical(value), left - 1);
    return left <= 0;
  });
}

function byName(list: readonly Data[]): Members | undefined {
  const members = new Map<string, Data>();
  for (const item of list) {
    const name = isMembers(item) ? own(item, 'name') : undefined;
    if (typeof name !== 'string' || members.has(name)) return undefined;
    members.set(name, item);
  }
  return Object.fromEntries(members);
}

const LONGEST = 72;

function render(value: Data): string {
  if (typeof value === 'string') return printable(value);
  if (isList(value) && value.every(isPlain)) return value.length === 0 ? 'none' : shorten(value.map(render).join(', '));
  return shorten(escape(canonical(value)));
}

/** Digests are cut to 12 digits; anything that could confuse a terminal or a reader is quoted. */
function printable(text: string): string {
  if (/^[0-9a-f]{40,}$/.test(text)) return text.slice(0, 12);
  return shorten(/^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(text) ? text : escape(JSON.stringify(text)));
}

/** JSON text with all that is not printable ASCII as \uXXXX. */
function escape(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function shorten(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`;
}

function isList(value: Data): value is readonly Data[] {
  return Array.isArray(value);
}

function isMembers(value: Data): value is Members {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function isPlain(value: Data): boolean {
  return value === null || typeof value !== 'object';
}

function own(members: Members, name: string): Data | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}
