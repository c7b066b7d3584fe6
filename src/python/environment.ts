import type { PackageKey } from '../core/identity.js';
import { InstallSession, BadWheel } from './install-session.js';
import type { InstallJob } from './install-session.js';
import type { Obtained } from './obtain.js';
import type { EnvironmentSettings, PieceRecord } from './piece.js';
import { getPiece, pieceKey, skeletonKey } from './piece.js';
import { settleAll } from './settle.js';
import type { Work } from './work.js';

export interface Environment {
  readonly skeleton: PieceRecord;
  /** By package name. */
  readonly pieces: ReadonlyMap<string, PieceRecord>;
}

/** Turns the packages of one requirement set into pieces, each as soon as its wheel is there. */
export interface Installer {
  /** Starts what packages are installed by, before the first one is there. */
  prepare(): void;
  /** Begins with a package whose piece the store lacks; failures show in `environment`. */
  begin(obtained: Obtained): void;
  /** Resolves when all that was begun is made, or has failed. */
  finish(): Promise<void>;
  /** The pieces of these packages and of the empty environment. All are tried before a failure is told. */
  environment(packages: readonly Obtained[]): Promise<Environment>;
}

export function createInstaller(settings: EnvironmentSettings, work: Work): Installer {
  const { store } = work.context;
  const pieces = new Map<PackageKey, Promise<PieceRecord>>();
  const lookups = new Set<Promise<unknown>>();
  let session: InstallSession | undefined;

  const make = async (job: InstallJob): Promise<PieceRecord> => {
    const lookup = getPiece(store, job.key);
    lookups.add(lookup);
    const found = await lookup.finally(() => lookups.delete(lookup));
    return found ?? running().make(job);
  };

  const running = (): InstallSession => {
    if (session === undefined || session.broken) session = new InstallSession(settings, work);
    return session;
  };

  const piece = (job: InstallJob): Promise<PieceRecord> => {
    let made = pieces.get(job.key);
    if (made === undefined) {
      pieces.set(job.key, (made = make(job)));
      // What the wheel is not to blame for may go better when it is asked for.
      made.catch((error: unknown) => error instanceof BadWheel || pieces.delete(job.key));
    }
    return made;
  };

  const skeleton = (): Promise<PieceRecord> => piece({ key: skeletonKey(settings, work) });
  const installed = (obtained: Obtained): Promise<PieceRecord> => piece({ key: pieceKey(obtained, settings, work), obtained });

  const finish = async (): Promise<void> => {
    await Promise.allSettled(lookups);
    const last = session;
    session = undefined;
    await last?.end();
  };

  return {
    prepare: () => void running(),
    begin: (obtained) => {
      skeleton().catch(ignore);
      installed(obtained).catch(ignore);
    },
    finish,
    environment: async (packages) => {
      const wanted = settleAll([skeleton(), ...packages.map(installed)]);
      wanted.catch(ignore);
      await finish();
      const [first, ...others] = await wanted;
      return { skeleton: first as PieceRecord, pieces: new Map(packages.map(({ wheel }, index) => [wheel.name, others[index] as PieceRecord])) };
    },
  };
}

function ignore(): void {}
