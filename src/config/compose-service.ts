import { resolve } from 'node:path';
import type { Placed } from '../core/place.js';
import type { MapNode, Node } from './node.js';
import { substitute, type Variables } from './variables.js';

/** What one entry under `services:` says itself; variables filled in, paths absolute. */
export interface ServiceEntry {
  readonly name: Placed<string>;
  readonly image?: Placed<string>;
  readonly build?: { readonly context?: string; readonly dockerfile?: string };
  /** What `build` is relative to where it names no context. */
  readonly folder: string;
  readonly profiles: readonly string[];
  readonly extends?: { readonly service: Placed<string>; readonly file?: Placed<string> };
}

export interface Surroundings {
  /** What paths are relative to. */
  readonly folder: string;
  readonly variables: Variables;
}

export function parseService(name: Placed<string>, node: MapNode, surroundings: Surroundings): ServiceEntry {
  const fill = ({ value, place }: Placed<string>): Placed<string> => ({ value: substitute(value, surroundings.variables), place });
  const image = textOf(member(node, 'image'));
  const build = buildOf(member(node, 'build'), surroundings);
  const base = extendsOf(member(node, 'extends'));
  return {
    name,
    ...(image === undefined ? {} : { image: fill(image) }),
    ...(build === undefined ? {} : { build }),
    folder: surroundings.folder,
    profiles: textsOf(member(node, 'profiles')).map((profile) => fill(profile).value),
    ...(base === undefined ? {} : { extends: { service: fill(base.service), ...(base.file === undefined ? {} : { file: fill(base.file) }) } }),
  };
}

/** `own` where it says something, else `base`, as compose merges a service with what it extends. */
export function mergeServices(base: ServiceEntry, own: ServiceEntry): ServiceEntry {
  const image = own.image ?? base.image;
  const build = own.build === undefined && base.build === undefined ? undefined : { ...base.build, ...own.build };
  return {
    name: own.name,
    ...(image === undefined ? {} : { image }),
    ...(build === undefined ? {} : { build }),
    folder: own.build === undefined ? base.folder : own.folder,
    profiles: [...new Set([...base.profiles, ...own.profiles])],
  };
}

/** Short form (the context) or long form. */
function buildOf(node: Node | undefined, { folder, variables }: Surroundings): ServiceEntry['build'] {
  if (node === undefined) return undefined;
  const path = (written: Placed<string>): string => resolve(folder, substitute(written.value, variables));
  const short = textOf(node);
  if (short !== undefined) return { context: path(short) };
  if (node.type !== 'map') return undefined;
  const context = textOf(member(node, 'context'));
  const dockerfile = textOf(member(node, 'dockerfile'));
  return {
    ...(context === undefined ? {} : { context: path(context) }),
    // Relative to the context, which another file may name.
    ...(dockerfile === undefined ? {} : { dockerfile: substitute(dockerfile.value, variables) }),
  };
}

/** Short form (a service of the same file) or long form. */
function extendsOf(node: Node | undefined): ServiceEntry['extends'] {
  const short = textOf(node);
  if (short !== undefined) return { service: short };
  if (node?.type !== 'map') return undefined;
  const service = textOf(member(node, 'service'));
  const file = textOf(member(node, 'file'));
  return service === undefined ? undefined : { service, ...(file === undefined ? {} : { file }) };
}

export function member(node: MapNode, name: string): Node | undefined {
  return node.entries.find(({ key }) => key.value === name)?.value;
}

export function textOf(node: Node | undefined): Placed<string> | undefined {
  return node?.type === 'scalar' && typeof node.value === 'string' ? { value: node.value, place: node.place } : undefined;
}

/** A list of texts, or one. */
export function textsOf(node: Node | undefined): readonly Placed<string>[] {
  const one = textOf(node);
  if (one !== undefined) return [one];
  return node?.type === 'list' ? node.items.flatMap((item) => textOf(item) ?? []) : [];
}
