import { statSync } from 'node:fs';
import { userInfo } from 'node:os';

/** Whom files and containers of a project belong to: the owner of its folder. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Finds the owner of the project's folder and, when we run as root on somebody else's project (sudo), becomes that user for
 * good, with the user's own home and groups: then nothing that we write can belong to root, whatever fails. The socket's
 * group is kept, so that the engine stays reachable. Call it before anything is written.
 */
export function becomeOwner(root: string, socket: string | undefined): Owner {
  const { uid, gid } = statSync(root);
  if (process.geteuid?.() !== 0 || uid === 0) return { uid, gid };
  const account = accountOf(uid);
  process.setgroups?.([gid]);
  if (account !== undefined) (process as WithGroups).initgroups?.(account.name, gid);
  const socketGroup = socket === undefined ? undefined : groupOf(socket);
  if (socketGroup !== undefined) process.setgroups?.([...new Set([...(process.getgroups?.() ?? []), socketGroup])]);
  process.setgid?.(gid);
  process.setuid?.(uid);
  // Programs that we start (git) must not look for settings in root's folders, where they are refused.
  for (const name of Object.keys(process.env)) if (name.startsWith('XDG_')) delete process.env[name];
  process.env['HOME'] = account?.home ?? '/nonexistent';
  return { uid, gid };
}

/** In Node's documentation, and not in its types. */
type WithGroups = NodeJS.Process & { initgroups?(user: string, extraGroup: number): void };

/** The user's entry in the account database. Node tells only of the process's own user, so it is asked as that user. */
function accountOf(uid: number): { readonly name: string; readonly home: string } | undefined {
  process.seteuid?.(uid);
  try {
    const { username, homedir } = userInfo();
    return { name: username, home: homedir };
  } catch {
    return undefined;
  } finally {
    process.seteuid?.(0);
  }
}

function groupOf(path: string): number | undefined {
  try {
    return statSync(path).gid;
  } catch {
    return undefined;
  }
}
