import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, onDisk } from '../util/disk.js';
import { removeTree } from '../util/remove-tree.js';
import type { Processes } from './processes.js';

/**
 * A lock between processes is a folder with one file in it, and the file's *name* is the lock's state:
 *
 *     locks/<name>/<n>.free      nobody holds it
 *     locks/<name>/<n>.<token>   the process <token> holds it
 *
 * Each change of state is one rename to a name with n + 1: free → mine (acquire), mine → free (release), a dead
 * holder's → mine (takeover). A name never comes back, so a rename is a compare-and-swap: of all who saw the same
 * state exactly one succeeds, the others get ENOENT and look again, however long they slept in between. A takeover needs no
 * more care than that, and a process killed at any instant leaves a valid state. The folder appears by rename too, with
 * its file in it; a rename onto a folder that isn't empty fails, so there is never a second file.
 * Needs atomic rename, which every local file system has. Whether a holder lives: see processes.ts.
 */
export class Lock {
  constructor(
    private readonly folder: string,
    private readonly context: LockContext,
  ) {}

  /** Waits until the lock is ours. `onWait` is told the holder, once. Gives the function that releases it. */
  async acquire(onWait: (holder: string) => void): Promise<() => Promise<void>> {
    for (let pause = 5, told = false; ; ) {
      const state = this.look();
      if (state === undefined) await this.create();
      else if (state.holder === undefined || !this.isHeld(state.holder)) {
        const release = await this.swap(state);
        if (release !== undefined) return release;
      } else {
        if (!told) onWait(this.context.processes.describe(state.holder));
        told = true;
        await sleep(pause);
        pause = Math.min(pause * 2, 250);
      }
    }
  }

  /** Makes the lock's folder, so that acquiring it later only renames. */
  async prepare(): Promise<void> {
    if (this.look() === undefined) await this.create();
  }

  /** Who holds it now; undefined if nobody alive does. */
  holder(): string | undefined {
    const holder = this.look()?.holder;
    return holder !== undefined && this.context.processes.isAlive(holder) ? holder : undefined;
  }

  private isHeld(holder: string): boolean {
    // In-process callers take turns before they come here: our own token is that of a release that failed.
    return holder !== this.context.token && this.context.processes.isAlive(holder);
  }

  private look(): State | undefined {
    let newest: State | undefined;
    for (const name of names(this.folder)) {
      const [, digits, holder] = /^(\d+)\.([0-9A-Za-z-]+)$/.exec(name) ?? [];
      if (digits === undefined || holder === undefined) continue;
      const state = { name, turn: Number(digits), holder: holder === 'free' ? undefined : holder };
      // Two only appear to a listing during a rename, or when folders were merged by hand.
      if (newest === undefined || state.turn > newest.turn) newest = state;
    }
    return newest;
  }

  private async swap({ name, turn }: State): Promise<(() => Promise<void>) | undefined> {
    const mine = `${turn + 1}.${this.context.token}`;
    if (!(await this.rename(name, mine))) return undefined;
    return async () => {
      await this.rename(mine, `${turn + 2}.free`);
    };
  }

  /** False if somebody else was first. */
  private async rename(from: string, to: string): Promise<boolean> {
    return onDisk(this.folder, async () => {
      try {
        renameSync(join(this.folder, from), join(this.folder, to));
        return true;
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return false;
        throw error;
      }
    });
  }

  private async create(): Promise<void> {
    await onDisk(this.folder, async () => {
      const temp = this.context.temp('lock');
      try {
        mkdirSync(temp, { mode: 0o755 });
        writeFileSync(join(temp, '0.free'), '');
        renameSync(temp, this.folder);
      } catch (error) {
        await removeTree(temp);
        if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
      }
    });
  }
}

export interface LockContext {
  readonly token: string;
  readonly processes: Processes;
  /** A new path in the store's own tmp folder. */
  temp(label: string): string;
}

interface State {
  readonly name: string;
  readonly turn: number;
  readonly holder: string | undefined;
}

function names(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
