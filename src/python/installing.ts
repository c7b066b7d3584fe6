import { lazy } from '../util/memo.js';
import type { Installer, InstallerOptions } from './environment.js';
import type { Obtained } from './obtain.js';
import type { Work } from './work.js';

/**
 * Installation beside fetching and compiling. It begins while the requirement set is still planned, since the first plan of
 * a set brings all of its packages; who only plans waits for none of it, and what it made by then is kept.
 */
export interface Installing {
  /** A wheel is on its way: the builder's container and the program in it are started meanwhile. */
  expect(): void;
  begin(obtained: Obtained): void;
  /** Waits for what was begun, if something was. */
  finish(): Promise<void>;
  environment: Installer['environment'];
}

export interface InstallingOptions extends Omit<InstallerOptions, 'work'> {
  /** Asked for at the first use; nothing is loaded before. */
  readonly work: () => Work;
}

export function createInstalling({ work, ...options }: InstallingOptions): Installing {
  const installer = lazy(async (): Promise<Installer> => {
    const { createInstaller } = await import('./environment.js');
    return createInstaller({ ...options, work: work() });
  });
  let begun = false;
  let expected = false;
  return {
    expect: () => {
      if (expected || work().context.offline) return;
      expected = true;
      void installer().then(({ prepare }) => prepare());
    },
    begin: (obtained) => {
      begun = true;
      void installer().then(({ begin }) => begin(obtained));
    },
    finish: async () => {
      if (begun) await (await installer()).finish();
    },
    environment: async (packages, onParts) => (await installer()).environment(packages, onParts),
  };
}
