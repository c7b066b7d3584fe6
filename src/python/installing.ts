import { lazy } from '../util/memo.js';
import type { InstallerOptions } from './environment.js';
import type { Installer, Installing } from './installation.js';
import type { Work } from './work.js';

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
  let prepared = false;
  return {
    prepare: () => {
      if (prepared || work().context.offline) return;
      prepared = true;
      void installer().then(({ prepare }) => prepare());
    },
    expect: (names) => {
      if (work().context.onParts !== undefined) void installer().then(({ expect }) => expect(names));
    },
    builds: (name) => {
      if (work().context.onParts !== undefined) void installer().then(({ builds }) => builds(name));
    },
    begin: (obtained) => {
      begun = true;
      void installer().then(({ begin }) => begin(obtained));
    },
    finish: async () => {
      if (begun) await (await installer()).finish();
    },
    environment: async (packages) => (await installer()).environment(packages),
  };
}
