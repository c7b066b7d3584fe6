/** A component of a repository's name, by the grammar of image references (distribution spec). */
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;

/** The nearest legal component: lower case, separators in between only. Undefined if nothing is left of it. */
export function legalComponent(text: string): string | undefined {
  const legal = text
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/[._-]*-[._-]*/g, '-')
    .replace(/\.[._]+|\.{2,}/g, '.')
    .replace(/_{3,}/g, '__')
    .replace(/^[._-]+|[._-]+$/g, '');
  return COMPONENT.test(legal) ? legal : undefined;
}

/** `git@host:team/Shop.git`, `https://host/team/shop/` → `shop`; the last word of an address, legal. */
export function repositoryName(address: string): string | undefined {
  const last = address.replace(/\/+$/, '').split(/[/:]/).pop() ?? '';
  return legalComponent(last.replace(/\.git$/, ''));
}
