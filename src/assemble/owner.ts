import { resolveLinks } from './resolve-links.js';
import type { Owner } from './stage-files.js';
import type { Tree } from './tree.js';

/**
 * `user[:group]` of --chown or USER, by number or by the image's /etc/passwd and /etc/group. A number without a group is
 * the group's number too; a user's name brings the group of its account. Names that nobody has are passed over, as BuildKit
 * does: such a user is root.
 */
export async function ownerNamed(text: string, tree: Tree): Promise<Owner> {
  const colon = text.indexOf(':');
  const account = await accountOf(colon === -1 ? text : text.slice(0, colon), tree);
  return colon === -1 ? account : { uid: account.uid, gid: (await groupOf(text.slice(colon + 1), tree)) ?? account.gid };
}

async function accountOf(user: string, tree: Tree): Promise<Owner> {
  const number = numberOf(user);
  if (number !== undefined) return { uid: number, gid: number };
  const fields = await fieldsOf('etc/passwd', user, tree);
  return { uid: idOf(fields?.[2]), gid: idOf(fields?.[3]) };
}

async function groupOf(group: string, tree: Tree): Promise<number | undefined> {
  const number = numberOf(group);
  if (number !== undefined) return number;
  const fields = await fieldsOf('etc/group', group, tree);
  return fields && idOf(fields[2]);
}

/** `root` is 0 without asking. */
function numberOf(text: string): number | undefined {
  if (text === 'root') return 0;
  return /^[+-]?\d+$/.test(text) && Number(text) <= 0x7fffffff ? Number(text) : undefined;
}

async function fieldsOf(file: string, name: string, tree: Tree): Promise<string[] | undefined> {
  const content = await tree.readFile(await resolveLinks((path) => tree.lstat(path), file));
  for (const line of (content?.toString('utf8') ?? '').split('\n')) {
    const fields = line.trim().split(':');
    if (fields[0] === name) return fields;
  }
  return undefined;
}

function idOf(field: string | undefined): number {
  return field !== undefined && /^\d+$/.test(field) ? Number(field) : 0;
}
