import { posix } from 'node:path';
import { branchTag } from '../git/branch-tag.js';
import { openRepository } from '../git/repository.js';
import type { Revision } from '../images/planner.js';

/** What git says of the project's folder, as tags and labels need it; undefined outside git. */
export async function readRevision(root: string): Promise<Revision | undefined> {
  const repository = await openRepository(root, process.env, { facts: true });
  if (repository === undefined) return undefined;
  const { head, changes, branch } = await repository.state();
  const prefix = repository.prefix === '' ? '' : `${repository.prefix}/`;
  return {
    ...(head === undefined ? {} : { commit: head.revision }),
    ...(branch === undefined ? {} : { branchTag: branchTag(branch) }),
    origin: async () => {
      const [source, committedAt] = await Promise.all([repository.remoteUrl(), repository.committedAt()]);
      return { ...(source === undefined ? {} : { source }), ...(committedAt === undefined ? {} : { committedAt }) };
    },
    // Relative to the project; what lies outside of it reaches no image.
    changed: changes.map((change) => change.path).filter((path) => path.startsWith(prefix)).map((path) => posix.relative(prefix, path)),
  };
}
