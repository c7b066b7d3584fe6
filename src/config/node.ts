import type { Place, Placed } from '../core/place.js';

/** A value of the project file with its place; YAML's other features (anchors, merges, tags) are gone. */
export type Node = ScalarNode | ListNode | MapNode;

export interface ScalarNode {
  readonly type: 'scalar';
  readonly place: Place;
  readonly value: string | number | boolean | null;
  /** As written, so that `3.10` can be read as text without losing its zero. */
  readonly source: string;
}

export interface ListNode {
  readonly type: 'list';
  readonly place: Place;
  readonly items: readonly Node[];
}

export interface MapNode {
  readonly type: 'map';
  readonly place: Place;
  /** Keys are unique. */
  readonly entries: readonly Entry[];
}

export interface Entry {
  readonly key: Placed<string>;
  readonly value: Node;
}

/** What a node is, in the words of a message: "a list", "the number 3". */
export function describeNode(node: Node): string {
  if (node.type !== 'scalar') return node.type === 'list' ? 'a list' : 'a map';
  if (node.value === null) return 'empty';
  if (typeof node.value === 'string') return isShowable(node.value) ? `the text ${JSON.stringify(node.value)}` : 'a text';
  return `${typeof node.value === 'number' ? 'the number' : 'the boolean'} ${node.source}`;
}

/** Whether a value may appear in a message: short, and not an address that could hold a password. */
export function isShowable(text: string): boolean {
  return text.length <= 80 && !/:\/\/|:[^\s/]+@|\n/.test(text);
}
