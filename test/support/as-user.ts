import { statSync } from 'node:fs';

/** An ordinary user that need not exist on this machine. */
export const ORDINARY = { uid: 4321, gid: 4321 } as const;

/**
 * Runs `work` as an ordinary user who may talk to the engine, as if in the group docker. When the tests themselves don't
 * run as root, they are such a user already.
 */
export async function asOrdinaryUser<T>(work: (user: { readonly uid: number; readonly gid: number }) => Promise<T>): Promise<T> {
  if (process.geteuid!() !== 0) return await work({ uid: process.getuid!(), gid: process.getgid!() });
  const groups = process.getgroups!();
  process.setgroups!([statSync('/var/run/docker.sock').gid]);
  process.setegid!(ORDINARY.gid);
  process.seteuid!(ORDINARY.uid);
  try {
    return await work(ORDINARY);
  } finally {
    process.seteuid!(0);
    process.setegid!(0);
    process.setgroups!(groups);
  }
}
