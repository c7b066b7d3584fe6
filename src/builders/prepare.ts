import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { FIXED_TIME } from '../archive/entry.js';
import { tarOf } from '../archive/pack-tar.js';
import type { PackItem } from '../archive/pack-tar.js';
import { readTar } from '../archive/read-tar.js';
import { Failed } from '../core/failure.js';
import type { Container } from '../engine/engine.js';
import type { Store } from '../store/store.js';
import { agentFiles } from '../util/agents.js';
import { withGroupEntry, withPasswdEntry } from './accounts.js';
import type { Account } from './accounts.js';
import { INSIDE } from './inside.js';

/** An account file above this is not one. */
const MAX_ACCOUNTS = 1024 * 1024;

export interface Preparing {
  readonly account: Account;
  /** What the container was made of: an id, or a name that may mean another image tomorrow. */
  readonly image: string;
  readonly store: Store;
  /** Path of a certificate bundle. */
  readonly ca: string | undefined;
}

/**
 * Puts what a builder container needs into it before it is started: our folders (also those where volumes are mounted,
 * which are root's when they are new), the agents, the certificate bundle, and accounts with an entry for the user.
 */
export async function prepareContainer(container: Container, { account, image, store, ca }: Preparing): Promise<void> {
  const texts = rememberedTexts(container, image, store);
  const [accounts, agents, bundle] = await Promise.all([texts.then((found) => accountFiles(found, account)), agentFiles(), ca === undefined ? undefined : readBundle(ca)]);
  const items: PackItem[] = [folder(INSIDE.top), folder(INSIDE.agent)];
  for (const path of [INSIDE.home, INSIDE.cache, INSIDE.work, INSIDE.pids]) items.push(folder(path, account));
  for (const { name, content } of agents) items.push(file(`${INSIDE.agent}/${name}`, content));
  if (bundle !== undefined) items.push(file(INSIDE.ca, bundle));
  await container.putArchive('/', tarOf([...items, ...accounts]));
}

/** Gives the user who a container runs as a name and a home, before it is started: many programs refuse a mere number. */
export async function addAccount(container: Container, account: Account): Promise<void> {
  await container.putArchive('/', tarOf(accountFiles(await readTexts(container), account)));
}

/** Account files of an image. */
interface Texts {
  readonly passwd: string;
  readonly group: string;
}

async function readTexts(container: Container): Promise<Texts> {
  const [passwd, group] = await Promise.all([readText(container, '/etc/passwd'), readText(container, '/etc/group')]);
  return { passwd, group };
}

/** Each question makes the engine mount the container's files, so what an image id stands for is asked once. */
async function rememberedTexts(container: Container, image: string, store: Store): Promise<Texts> {
  if (!/^sha256:[0-9a-f]{64}$/.test(image)) return readTexts(container);
  const key = `accounts-${image.slice('sha256:'.length)}`;
  const known = (await store.getRecord('probes', key)) as Partial<Texts> | undefined;
  if (typeof known?.passwd === 'string' && typeof known.group === 'string') return { passwd: known.passwd, group: known.group };
  const texts = await readTexts(container);
  await store.putRecord('probes', key, { format: 1, ...texts });
  return texts;
}

function accountFiles({ passwd, group }: Texts, account: Account): PackItem[] {
  return [
    file('/etc/passwd', Buffer.from(withPasswdEntry(passwd, account))),
    file('/etc/group', Buffer.from(withGroupEntry(group, account))),
  ];
}

/** A small file of the image; empty where there is none (or a link). */
async function readText(container: Container, path: string): Promise<string> {
  const tar: Readable | undefined = await container.getArchive(path);
  if (tar === undefined) return '';
  for await (const { entry, content } of readTar(tar, { subject: `${path} of the image`, links: 'keep', limits: { bytes: MAX_ACCOUNTS } })) {
    if (entry.type !== 'file') continue;
    const chunks: Buffer[] = [];
    for await (const chunk of content as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  }
  return '';
}

async function readBundle(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Failed({
      reason: 'config',
      message: `the certificate bundle ${path} cannot be read: ${(error as Error).message}`,
      advice: 'correct `network.ca` in the project file',
    }, { cause: error });
  }
}

function folder(path: string, owner = { uid: 0, gid: 0 }): PackItem {
  return { entry: { type: 'directory', path: path.slice(1), mode: 0o755, uid: owner.uid, gid: owner.gid, mtime: FIXED_TIME } };
}

function file(path: string, content: Buffer): PackItem {
  return { entry: { type: 'file', path: path.slice(1), mode: 0o644, uid: 0, gid: 0, mtime: FIXED_TIME, size: content.length }, content };
}
