/** An image reference by the grammar of the distribution project. */
export interface Reference {
  /** All before tag and digest, as written: `registry.example.com:5000/team/web`. */
  readonly name: string;
  /** `registry.example.com:5000`; absent where Docker Hub is meant. */
  readonly registry?: string;
  /** Behind the registry: `team/web`. */
  readonly path: string;
  readonly tag?: string;
  /** `sha256:<hex>` */
  readonly digest?: string;
}

const DOMAIN_PART = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = new RegExp(`^(?:${DOMAIN_PART}(?:\\.${DOMAIN_PART})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]+)?$`);
const PATH_PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const PATH = new RegExp(`^${PATH_PART}(?:/${PATH_PART})*$`);
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const NAME_LENGTH = 255;

/** Undefined if the text is no image reference (an image id is none either). */
export function parseReference(text: string): Reference | undefined {
  const at = text.indexOf('@');
  const digest = at === -1 ? undefined : text.slice(at + 1);
  const tagged = at === -1 ? text : text.slice(0, at);
  const colon = tagged.lastIndexOf(':');
  const hasTag = colon > tagged.lastIndexOf('/');
  const tag = hasTag ? tagged.slice(colon + 1) : undefined;
  const name = hasTag ? tagged.slice(0, colon) : tagged;
  if ((digest !== undefined && !DIGEST.test(digest)) || (tag !== undefined && !TAG.test(tag))) return undefined;
  const { registry, path } = splitRegistry(name);
  if (!PATH.test(path) || name.length > NAME_LENGTH || (registry !== undefined && !DOMAIN.test(registry))) return undefined;
  // 64 hexadecimal digits, alone or as `sha256:…`, are an image id to every engine.
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(text)) return undefined;
  return {
    name,
    path,
    ...(registry === undefined ? {} : { registry }),
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The repository with Docker Hub's defaults filled in, so that two spellings of one compare equal. */
export function canonicalName(reference: Reference): string {
  const registry = reference.registry === undefined || reference.registry === 'index.docker.io' ? 'docker.io' : reference.registry;
  const path = registry === 'docker.io' && !reference.path.includes('/') ? `library/${reference.path}` : reference.path;
  return `${registry}/${path}`;
}

/** True for a legal tag. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** The first segment is a registry if it has a dot, a port or capitals, or is localhost. */
function splitRegistry(name: string): { readonly registry?: string; readonly path: string } {
  const slash = name.indexOf('/');
  if (slash === -1) return { path: name };
  const first = name.slice(0, slash);
  const isRegistry = /[.:A-Z]/.test(first) || first === 'localhost';
  return isRegistry ? { registry: first, path: name.slice(slash + 1) } : { path: name };
}
