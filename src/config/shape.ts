import type { Problem } from '../core/failure.js';
import type { Place, Placed } from '../core/place.js';
import { nearest } from '../util/nearest.js';
import { describeNode, isShowable } from './node.js';
import type { Node, ScalarNode } from './node.js';
import type { JsonSchema, Rule } from './rules.js';

/**
 * What a value of the project file looks like. One description yields the reader (with places and advice), its
 * TypeScript type and the published JSON Schema.
 */
export interface Shape<T> {
  /** The value, or undefined after reporting why it is not one. `name` is its path: `artifacts.python.prefix`. */
  read(node: Node, name: string, report: Report): T | undefined;
  readonly json: JsonSchema;
  /** The keys inside, for listings of them all; several groups where a word decides which hold. */
  readonly members?: readonly Members[];
}

export interface Members {
  /** What stands before the keys: `<name>.` in a map with names of the user's choice. */
  readonly under: string;
  /** `kind: python`, where the keys are for that kind only. */
  readonly when?: string;
  readonly fields: Fields;
}

export type Report = (problem: Problem) => void;
export type ShapeType<S> = S extends Shape<infer T> ? T : never;

export interface Field<T> {
  readonly shape: Shape<T>;
  /** Shown by editors. */
  readonly description: string;
  readonly required?: boolean;
  /** What holds when the key is absent, in words. */
  readonly default?: string;
}
export type Fields = { readonly [key: string]: Field<unknown> };
export type ObjectOf<F extends Fields> = { readonly place: Place } & {
  readonly [K in keyof F]: F[K] extends Field<infer T> ? T | undefined : never;
};
export interface Item<T> {
  readonly key: Placed<string>;
  readonly value: T;
}

/** Text that follows a rule; numbers and booleans must be quoted, since YAML has changed them (1.10 is 1.1). */
export function text(rule?: Rule): Shape<Placed<string>> {
  return {
    json: { type: 'string', ...rule?.json },
    read(node, name, report) {
      if (node.type !== 'scalar' || typeof node.value !== 'string') {
        const advice = node.type === 'scalar' && node.value !== null ? `Put it in quotes: "${node.source}"` : undefined;
        return mismatch(node, name, 'text', report, advice);
      }
      return obeys(node, name, rule, report) ? { value: node.value, place: node.place } : undefined;
    },
  };
}

/** Text that may be written as a number or boolean too and is taken as written: `3.10` stays `3.10`. */
export function looseText(rule?: Rule): Shape<Placed<string>> {
  return {
    json: { type: ['string', 'number', 'boolean'], ...rule?.json },
    read(node, name, report) {
      if (node.type !== 'scalar' || node.value === null) return mismatch(node, name, 'text', report, 'Write "" for an empty text');
      const value = typeof node.value === 'string' ? node.value : node.source;
      return obeys({ ...node, value }, name, rule, report) ? { value, place: node.place } : undefined;
    },
  };
}

export function flag(): Shape<Placed<boolean>> {
  return {
    json: { type: 'boolean' },
    read(node, name, report) {
      if (node.type === 'scalar' && typeof node.value === 'boolean') return { value: node.value, place: node.place };
      const old = node.type === 'scalar' ? /^(?:(yes|on|y)|no|off|n|true|false)$/i.exec(node.source) : undefined;
      const advice = old ? `Write ${old[1] || /true/i.test(node.type === 'scalar' ? node.source : '') ? 'true' : 'false'}` : undefined;
      return mismatch(node, name, 'true or false', report, advice);
    },
  };
}

/** A finite number greater than zero. */
export function positiveNumber(): Shape<Placed<number>> {
  return {
    json: { type: 'number', exclusiveMinimum: 0 },
    read(node, name, report) {
      const ok = node.type === 'scalar' && typeof node.value === 'number' && node.value > 0 && Number.isFinite(node.value);
      return ok ? { value: node.value as number, place: node.place } : mismatch(node, name, 'a number greater than 0', report);
    },
  };
}

/** A whole number of at least 0. */
export function count(): Shape<Placed<number>> {
  return {
    json: { type: 'integer', minimum: 0 },
    read(node, name, report) {
      const ok = node.type === 'scalar' && typeof node.value === 'number' && node.value >= 0 && Number.isSafeInteger(node.value);
      return ok ? { value: node.value as number, place: node.place } : mismatch(node, name, 'a whole number', report);
    },
  };
}

export function choice<const Word extends string>(words: readonly Word[]): Shape<Placed<Word>> {
  return {
    json: { enum: words },
    read(node, name, report) {
      const word = words.find((candidate) => node.type === 'scalar' && node.value === candidate);
      if (word !== undefined) return { value: word, place: node.place };
      const near = node.type === 'scalar' ? nearest(node.source, words) : undefined;
      return mismatch(node, name, `one of ${words.join(', ')}`, report, near && `Did you mean ${near}?`);
    },
  };
}

/** A scalar with a syntax of its own; `parse` gives the value or a sentence about what is wrong with the text. */
export function parsed<T>(expected: string, json: JsonSchema, parse: (text: string, place: Place) => T | Error): Shape<T> {
  return {
    json,
    read(node, name, report) {
      const usable = node.type === 'scalar' && (typeof node.value === 'string' || typeof node.value === 'number');
      if (!usable) return mismatch(node, name, expected, report);
      const written = typeof node.value === 'string' ? node.value : node.source;
      const value = parse(written, node.place);
      if (!(value instanceof Error)) return value;
      report({ reason: 'config', message: `${name}: ${value.message}`, place: node.place, advice: `Write ${expected}` });
      return undefined;
    },
  };
}

/** An empty value counts as an empty list, as a list whose lines were all commented out does. */
export function list<T>(item: Shape<T>, { atLeastOne = false } = {}): Shape<readonly T[]> {
  return {
    json: atLeastOne ? { type: 'array', items: item.json, minItems: 1 } : { type: ['array', 'null'], items: item.json },
    read(node, name, report) {
      if (atLeastOne && (isEmpty(node) || (node.type === 'list' && node.items.length === 0))) {
        report({ reason: 'config', message: `${name} is empty`, place: node.place });
        return undefined;
      }
      if (isEmpty(node)) return [];
      if (node.type !== 'list') return mismatch(node, name, 'a list', report, node.type === 'scalar' && isShowable(node.source) ? `Write [${node.source}]` : undefined);
      const items = node.items.map((child, index) => item.read(child, `${name}[${index}]`, report));
      return items.filter((value) => value !== undefined);
    },
  };
}

/** A map with names of the user's choice. */
export function record<T>(value: Shape<T>, key?: Rule): Shape<readonly Item<T>[]> {
  return {
    json: { type: ['object', 'null'], additionalProperties: value.json, ...(key ? { propertyNames: key.json } : {}) },
    ...(value.members ? { members: value.members.map((group) => ({ ...group, under: `<name>.${group.under}` })) } : {}),
    read(node, name, report) {
      if (isEmpty(node)) return [];
      if (node.type !== 'map') return mismatch(node, name, 'a map', report);
      const items: Item<T>[] = [];
      for (const entry of node.entries) {
        const named = obeys({ type: 'scalar', place: entry.key.place, value: entry.key.value, source: '' }, `the name ${JSON.stringify(entry.key.value)} in ${name}`, key, report);
        // An empty entry is reported at its name, which the user can see.
        const child = isEmpty(entry.value) ? { ...entry.value, place: entry.key.place } : entry.value;
        const read = value.read(child, `${name}.${entry.key.value}`, report);
        if (named && read !== undefined) items.push({ key: entry.key, value: read });
      }
      return items;
    },
  };
}

/** A map with known keys. Missing required keys are reported; the rest is still read, so that all problems are found. */
export function object<F extends Fields>(fields: F, options: ObjectOptions = {}): Shape<ObjectOf<F>> {
  const required = Object.keys(fields).filter((key) => fields[key]!.required);
  return {
    members: [{ under: '', fields }],
    json: {
      type: required.length > 0 ? 'object' : ['object', 'null'],
      properties: Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, fieldSchema(field)])),
      ...(required.length > 0 ? { required } : {}),
      ...(options.extensions ? { patternProperties: { '^x-': {} } } : {}),
      additionalProperties: false,
    },
    read(node, name, report) {
      const map = isEmpty(node) ? { type: 'map' as const, place: node.place, entries: [] } : node;
      if (map.type !== 'map') return mismatch(node, name || 'the project file', 'a map', report);
      const values: { [key: string]: unknown } = { place: map.place };
      const seen = new Set<string>();
      for (const { key, value } of map.entries) {
        if (options.extensions && key.value.startsWith('x-')) continue;
        const field = Object.hasOwn(fields, key.value) ? fields[key.value] : undefined;
        seen.add(key.value);
        if (field) {
          values[key.value] = field.shape.read(value, join(name, key.value), report);
          continue;
        }
        const near = nearest(key.value, Object.keys(fields));
        // What was mistyped is not missing as well.
        if (near !== undefined) seen.add(near);
        const advice = near ? `Did you mean \`${near}\`?` : (options.elsewhere?.(key.value) ?? `Known keys here are ${Object.keys(fields).join(', ')}`);
        report({ reason: 'config', message: `unknown key ${JSON.stringify(key.value)}${name ? ` in ${name}` : ''}`, place: key.place, advice });
      }
      for (const key of required) {
        if (seen.has(key)) continue;
        report({ reason: 'config', message: `${join(name, key)} is missing`, place: map.place, advice: `Add \`${key}\`: ${lowerFirst(fields[key]!.description)}` });
      }
      return values as ObjectOf<F>;
    },
  };
}

export interface ObjectOptions {
  /** Keys that start with `x-` are ignored: a home for anchors. */
  readonly extensions?: boolean;
  /** Advice about a key that is unknown here but known somewhere near. */
  readonly elsewhere?: (key: string) => string | undefined;
}

/** One of several objects, told apart by the word under `tag`. */
export function variants<V extends { readonly [word: string]: Fields }>(tag: string, description: string, fieldsOf: V): Shape<{ [W in keyof V]: { readonly variant: W } & ObjectOf<V[W]> }[keyof V]> {
  const words = Object.keys(fieldsOf);
  const tagShape = choice(words);
  const shapes = new Map(words.map((word) => [word, object({ [tag]: { shape: tagShape, description, required: true }, ...fieldsOf[word] }, { elsewhere })]));
  return {
    members: words.map((word) => ({ under: '', when: `${tag}: ${word}`, fields: { [tag]: { shape: tagShape, description, required: true }, ...fieldsOf[word] } })),
    json: {
      type: 'object',
      required: [tag],
      properties: { [tag]: { enum: words, description } },
      oneOf: words.map((word) => {
        const { properties, ...rest } = shapes.get(word)!.json as { properties: object };
        return { ...rest, properties: { ...properties, [tag]: { const: word } } };
      }),
    },
    read(node, name, report) {
      if (node.type !== 'map') return mismatch(node, name, 'a map', report);
      const written = node.entries.find((entry) => entry.key.value === tag);
      if (!written) {
        const advice = `Add \`${tag}\`: one of ${words.join(', ')}`;
        report({ reason: 'config', message: `${join(name, tag)} is missing`, place: node.place, advice });
        return undefined;
      }
      const word = tagShape.read(written.value, join(name, tag), report);
      if (!word) return undefined;
      const value = shapes.get(word.value)!.read(node, name, report);
      return value && ({ ...value, variant: word.value } as never);
    },
  };

  function elsewhere(key: string): string | undefined {
    const owner = words.find((word) => Object.hasOwn(fieldsOf[word]!, key));
    return owner && `\`${key}\` belongs to ${tag}: ${owner}`;
  }
}

/** The first shape for scalars, the second for everything else. */
export function scalarOr<A, B>(scalar: Shape<A>, other: Shape<B>): Shape<A | B> {
  return {
    json: { anyOf: [scalar.json, other.json] },
    read(node, name, report): A | B | undefined {
      return node.type === 'scalar' && node.value !== null ? scalar.read(node, name, report) : other.read(node, name, report);
    },
  };
}

function obeys(node: ScalarNode, name: string, rule: Rule | undefined, report: Report): boolean {
  const broken = rule?.check(String(node.value));
  if (!broken) return true;
  const advice = broken.advice === undefined ? {} : { advice: broken.advice };
  report({ reason: 'config', message: `${name} ${broken.message}`, place: node.place, ...advice });
  return false;
}

function mismatch(node: Node, name: string, expected: string, report: Report, advice?: string): undefined {
  const message = `${name} must be ${expected}, not ${describeNode(node)}`;
  report({ reason: 'config', message, place: node.place, ...(advice ? { advice } : {}) });
  return undefined;
}

function fieldSchema(field: Field<unknown>): JsonSchema {
  const description = field.default === undefined ? field.description : `${field.description}. Default: ${field.default}`;
  return { ...field.shape.json, description };
}

function isEmpty(node: Node): boolean {
  return node.type === 'scalar' && node.value === null;
}

function join(name: string, key: string): string {
  return name ? `${name}.${key}` : key;
}

function lowerFirst(sentence: string): string {
  return sentence.slice(0, 1).toLowerCase() + sentence.slice(1);
}
