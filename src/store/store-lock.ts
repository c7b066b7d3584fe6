import { readdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, onDisk } from '../util/disk.js';
import { inTurnPerKey } from '../util/once.js';
import { ownerOf } from './layout.js';
import type { Lock, LockContext } from './lock.js';

/**
 * The store's one shared/exclusive lock. A sharer puts up a flag (a file in `locks/shared/`) and then looks whether the
 * exclusive lock is held; the exclusive side takes its lock and then waits until no flag of a living process is
 * left. Each writes before it reads, so at least one of two sees the other; a sharer that sees the exclusive lock takes its
 * flag down again and waits. Within a process, holds nest.
 */
export class StoreLock {
  private readonly inTurn = inTurnPerKey<'exclusive'>();
  private sharers = 0;
  private raised = 0;
  private exclusive = false;
  private flag: Promise<string | undefined> | undefined;

  constructor(
    private readonly folder: string,
    private readonly gate: Lock,
    private readonly context: LockContext,
  ) {}

  isExclusive(): boolean {
    return this.exclusive;
  }

  async shared<T>(work: () => Promise<T>, onWait: (holder: string) => void): Promise<T> {
    if (this.exclusive) return work();
    this.sharers += 1;
    this.flag ??= this.raise(onWait);
    const flag = this.flag;
    try {
      await flag;
      return await work();
    } finally {
      this.sharers -= 1;
      if (this.sharers === 0) {
        this.flag = undefined;
        await flag.then(takeDown, () => undefined);
      }
    }
  }

  async exclusively<T>(work: () => Promise<T>, onWait: (holder: string) => void): Promise<T> {
    if (this.exclusive) return work();
    if (this.sharers > 0) throw new Error('a process that shares the store asked for it exclusively: it would wait for itself');
    return this.inTurn('exclusive', async () => {
      const release = await this.gate.acquire(onWait);
      try {
        await this.outwait(onWait);
        this.exclusive = true;
        return await work();
      } finally {
        this.exclusive = false;
        await release();
      }
    });
  }

  /** The path of our flag; undefined on a read-only file system, where nobody can collect garbage either. */
  private async raise(onWait: (holder: string) => void): Promise<string | undefined> {
    for (let pause = 5, told = false; ; pause = Math.min(pause * 2, 250)) {
      const flag = await this.putUp();
      if (flag === undefined) return undefined;
      const holder = this.gate.holder();
      if (holder === undefined) return flag;
      await takeDown(flag);
      if (!told) onWait(this.context.processes.describe(holder));
      told = true;
      await sleep(pause);
    }
  }

  private putUp(): Promise<string | undefined> {
    return onDisk(this.folder, async () => {
      try {
        await this.context.processes.register();
        const flag = join(this.folder, `${this.context.token}.${(this.raised += 1)}`);
        await writeFile(flag, '');
        return flag;
      } catch (error) {
        if (isReadOnly(error)) return undefined;
        throw error;
      }
    });
  }

  private async outwait(onWait: (holder: string) => void): Promise<void> {
    for (let pause = 5, told = false; ; pause = Math.min(pause * 2, 250)) {
      const owner = readdirSync(this.folder).map(ownerOf).find((token) => this.context.processes.isAlive(token));
      if (owner === undefined) return;
      if (!told) onWait(this.context.processes.describe(owner));
      told = true;
      await sleep(pause);
    }
  }
}

async function takeDown(flag: string | undefined): Promise<void> {
  if (flag !== undefined) await rm(flag, { force: true });
}

function isReadOnly(error: unknown): boolean {
  const cause = (error as { cause?: unknown } | undefined)?.cause;
  return errorCode(error) === 'EROFS' || errorCode(cause) === 'EROFS';
}
