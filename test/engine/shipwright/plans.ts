import type { Checkout } from '../../support/checkout.js';

export interface Listed {
  readonly name: string;
  readonly key: string;
  readonly repository: string;
  readonly tags: readonly string[];
  readonly reason: string;
}

/** What `images --list` says, by short name; nothing is built for it. */
export async function listed(repo: Checkout, ...args: string[]): Promise<Record<string, Listed>> {
  const { images } = await repo.json<{ readonly images: readonly Listed[] }>('images', ...args, '--list');
  return Object.fromEntries(images.map((image) => [image.name, image]));
}

export async function names(repo: Checkout, ...args: string[]): Promise<string[]> {
  return Object.keys(await listed(repo, ...args));
}

export async function keys(repo: Checkout): Promise<Record<string, string>> {
  return Object.fromEntries(Object.values(await listed(repo)).map(({ name, key }) => [name, key]));
}

/** The tag of the revision, without its repository. */
export async function revisionTags(repo: Checkout): Promise<Record<string, string>> {
  return Object.fromEntries(Object.values(await listed(repo)).map(({ name, tags }) => [name, tags[1]!.slice(tags[1]!.lastIndexOf(':') + 1)]));
}

export interface Refusal {
  readonly status: number | undefined;
  readonly problems: readonly { readonly reason: string; readonly message: string; readonly advice?: string; readonly place?: { readonly file: string; readonly line: number } }[];
}

/** A run that ends with problems. */
export async function refused(repo: Checkout, ...args: string[]): Promise<Refusal> {
  const result = await repo.artifacts(...args, '--json');
  const { problems } = result.json<Pick<Refusal, 'problems'>>();
  return { status: result.status, problems };
}
