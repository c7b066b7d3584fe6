import { statSync } from 'node:fs';

/** Whom files and containers of a project belong to: the owner of its folder. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Finds the owner of the project's folder and, when we run as root on somebody else's project (sudo), becomes that user for
 * good: then nothing that we write can belong to root, whatever fails. The socket's group is kept, so that the engine stays
 * reachable. Call it before anything is written.
 */
export function becomeOwner(root: string, socket: string | undefined): Owner {
  const { uid, gid } = statSync(root);
  if (process.geteuid?.() !== 0 || uid === 0) return { uid, gid };
  const groups = [gid];
  const socketGroup = socket === undefined ? undefined : groupOf(socket);
  if (socketGroup !== undefined && socketGroup !== gid) groups.push(socketGroup);
  process.setgroups?.(groups);
  process.setgid?.(gid);
  process.setuid?.(uid);
  return { uid, gid };
}

function groupOf(path: string): number | undefined {
  try {
    return statSync(path).gid;
  } catch {
    return undefined;
  }
}
