import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failed } from '../core/failure.js';
import type { Engine } from '../engine/engine.js';
import type { Store } from '../store/store.js';

export interface Reach {
  readonly engine: Engine;
  readonly store: Store;
  /** Any image with a shell. */
  readonly image: string;
  /** Absolute host folder that is to be mounted. */
  readonly folder: string;
  /** Who must own what a container writes there, inside and on the host. */
  readonly inside: { readonly uid: number; readonly gid: number };
  readonly uid: number;
  /** Of the container that tries it. */
  readonly labels: Readonly<Record<string, string>>;
}

/** What `bindsReach` found before; undefined if it has to try. */
export async function knownReach({ engine, store, folder, uid }: Omit<Reach, 'image' | 'inside' | 'labels'>): Promise<boolean | undefined> {
  const known = await store.getRecord('probes', await keyOf({ engine, folder, uid }));
  return known !== undefined && known !== null && typeof known === 'object' && 'reach' in known ? known.reach === true : undefined;
}

/**
 * True if a folder of ours is seen and can be written by containers as a bind mount. Remembered for an engine, folder and
 * user: false for a remote engine, Docker in Docker, or a host whose labels or file sharing forbid it.
 */
export async function bindsReach(reach: Reach): Promise<boolean> {
  const found = await tryBind(reach);
  await reach.store.putRecord('probes', await keyOf(reach), { format: 1, reach: found });
  return found;
}

async function keyOf({ engine, folder, uid }: Pick<Reach, 'engine' | 'folder' | 'uid'>): Promise<string> {
  const { id } = await engine.info();
  return `binds-${createHash('sha256').update([id, folder, uid].join('\0')).digest('hex').slice(0, 32)}`;
}

/** A container must be able to read a secret of ours, and to leave an answer that belongs to the right user. */
async function tryBind({ engine, image, folder, inside, uid, labels }: Reach): Promise<boolean> {
  const probe = await mkdtemp(join(folder, 'probe-'));
  const nonce = randomBytes(16).toString('hex');
  try {
    await writeFile(join(probe, 'question'), nonce);
    const container = await createProbe(engine, { image, probe, inside, labels });
    if (container === undefined) return false;
    try {
      await container.start();
      await container.wait();
    } finally {
      await container.remove();
    }
    const answer = join(probe, 'answer');
    return (await readFile(answer, 'utf8').catch(() => '')) === nonce && (await stat(answer)).uid === uid;
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

async function createProbe(engine: Engine, { image, probe, inside, labels }: Pick<Reach, 'image' | 'inside' | 'labels'> & { readonly probe: string }) {
  try {
    return await engine.createContainer({
      image,
      entrypoint: ['/bin/sh', '-c', 'cat /probe/question > /probe/answer'],
      command: [],
      user: `${inside.uid}:${inside.gid}`,
      labels,
      mounts: [{ type: 'bind', source: probe, target: '/probe' }],
      network: 'none',
      dropCapabilities: true,
      noNewPrivileges: true,
    });
  } catch (error) {
    if (!(error instanceof Failed) || !error.has('engine')) throw error;
    await engine.containers(['wheelwright.builder']); // is it the engine that is gone?
    return undefined; // it does not find the folder in its own file system
  }
}
