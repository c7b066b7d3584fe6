import type { Origin } from './lock.js';

/**
 * The text of direct_url.json (PEP 610) for a package that was named by its URL, as uv writes it. Undefined for packages of
 * an index, and for local ones: their paths are of this machine and have no meaning in an image.
 */
export function directUrl(origin: Origin): string | undefined {
  if (origin.kind === 'tree') return undefined;
  const subdirectory = origin.subdirectory === undefined ? {} : { subdirectory: origin.subdirectory };
  if (origin.kind === 'git') {
    const revision = origin.revision === undefined ? {} : { requested_revision: origin.revision };
    return JSON.stringify({ url: origin.url, vcs_info: { vcs: 'git', commit_id: origin.commit, ...revision }, ...subdirectory });
  }
  if (!origin.direct || !('url' in origin.location)) return undefined;
  return JSON.stringify({ url: origin.location.url, archive_info: {}, ...subdirectory });
}
