/**
 * What a dependency asks for, as npm's own reading of it (npm-package-arg) tells kinds apart. `range` is everything
 * that a version can be held against; a tag can't be checked without a registry.
 */
export type Spec =
  | { readonly type: 'range'; readonly range: string }
  | { readonly type: 'tag'; readonly tag: string }
  | { readonly type: 'alias'; readonly name: string; readonly spec: Spec }
  /** `committish` is what follows `#`, '' if nothing does. */
  | { readonly type: 'git'; readonly repository: string; readonly committish: string }
  | { readonly type: 'remote'; readonly url: string }
  /** A tarball on disk; the path as written, without `file:`. */
  | { readonly type: 'file'; readonly path: string }
  | { readonly type: 'directory'; readonly path: string };

const ARCHIVE = /\.(?:tgz|tar\.gz|tar)$/i;
const LOCAL = /^(?:\.|~\/|\/)/;
const HOSTS: Readonly<Record<string, string>> = { github: 'github.com', gitlab: 'gitlab.com', bitbucket: 'bitbucket.org', gist: 'gist.github.com' };
const HOSTED_URL = /^https?:\/\/(?:[^@/]*@)?(?:www\.)?(github\.com|gitlab\.com|bitbucket\.org|gist\.github\.com)\/([^/#]+\/[^/#]+?)(?:\.git)?\/?(?:#(.*))?$/;

export function parseSpec(text: string): Spec {
  const spec = text.trim();
  if (spec.startsWith('npm:')) return alias(spec.slice('npm:'.length));
  if (spec.startsWith('file:') || LOCAL.test(spec)) {
    const path = spec.replace(/^file:(?:\/\/(?=\/))?/, '');
    return ARCHIVE.test(path) ? { type: 'file', path } : { type: 'directory', path };
  }
  const hosted = HOSTED_URL.exec(spec);
  if (hosted) return { type: 'git', repository: `${hosted[1]}/${hosted[2]}`, committish: hosted[3] ?? '' };
  if (/^(?:git[+:@]|ssh:)/.test(spec)) return gitUrl(spec);
  if (/^https?:/.test(spec)) return { type: 'remote', url: spec };
  const short = /^(?:(github|gitlab|bitbucket|gist):)?([^@:/\s][^:/\s]*\/[^:/#\s]+?)(?:\.git)?(?:#(.*))?$/.exec(spec);
  if (short) return { type: 'git', repository: `${HOSTS[short[1] ?? 'github']}/${short[2]}`, committish: short[3] ?? '' };
  return versionSpec(spec);
}

/** True for what npm takes from a registry. */
export function fromRegistry(spec: Spec): boolean {
  return spec.type === 'range' || spec.type === 'tag' || spec.type === 'alias';
}

function alias(text: string): Spec {
  const at = text.indexOf('@', 1);
  const name = at === -1 ? text : text.slice(0, at);
  return { type: 'alias', name, spec: versionSpec(at === -1 ? '' : text.slice(at + 1)) };
}

/** Ranges have digits, comparators, wildcards; a tag is a word that is none of these. */
function versionSpec(text: string): Spec {
  if (text === '' || text === '*' || text === 'latest') return text === 'latest' ? { type: 'tag', tag: text } : { type: 'range', range: '*' };
  return /^[vV=<>~^\s]*(?:[0-9]|[xX*](?:\.|\s|$))/.test(text) ? { type: 'range', range: text } : { type: 'tag', tag: text };
}

/** One spelling for the ways to write a repository: `git+ssh://git@host/a/b.git#c` is `host/a/b`. */
function gitUrl(spec: string): Spec {
  const [address = '', committish = ''] = spec.split(/#(.*)/s, 2);
  const plain = address.replace(/^git\+/, '');
  const scp = /^(?:ssh:\/\/)?(?:[^@/]+@)([^:/]+):(?!\d+\/)(.+)$/.exec(plain);
  const repository = scp ? `${scp[1]}/${scp[2]}` : plain.replace(/^(?:https?|ssh|git):\/\/(?:[^@/]*@)?/, '');
  return { type: 'git', repository: repository.replace(/\.git$/, ''), committish };
}
