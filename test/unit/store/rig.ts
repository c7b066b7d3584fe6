import { afterEach } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Event } from '../../../src/core/events.js';
import { openStore } from '../../../src/store/local.js';
import type { LocalStore, StoreOptions } from '../../../src/store/local.js';

const made: string[] = [];

const cleanups: (() => void)[] = [];

/** Runs after the test, before its folders are removed. */
export function afterwards(cleanup: () => void): void {
  cleanups.push(cleanup);
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) cleanup();
  for (const path of made.splice(0)) await rm(path, { recursive: true, force: true });
});

/** A new folder, removed after the test. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'wheelwright-store-'));
  made.push(path);
  return path;
}

export interface OpenedStore {
  readonly store: LocalStore;
  readonly events: Event[];
}

/** A store in a new folder (or in `dir`), and the events it emits. */
export async function openTemporaryStore(dir = join(temporaryFolder(), 'store'), options: Partial<StoreOptions> = {}): Promise<OpenedStore> {
  const events: Event[] = [];
  const store = await openStore(dir, { ...optionsForTests((event) => events.push(event)), ...options });
  return { store, events };
}

export function optionsForTests(emit: StoreOptions['emit'] = () => undefined): StoreOptions {
  const self = { token: randomUUID(), pid: process.pid, host: hostname(), command: 'test', uid: process.geteuid?.() };
  return { emit, now: Date.now, self };
}
