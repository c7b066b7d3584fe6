import { PartGroups } from '../artifact/part-groups.js';
import { isHeavy } from '../artifact/spread.js';
import type { PackageKey } from '../core/identity.js';
import { BadWheel, InstallSession } from './install-session.js';
import type { InstallJob } from './install-session.js';
import type { EnvironmentSettings, Installer, PieceRecord } from './installation.js';
import { isBuilt, type Obtained } from './obtained.js';
import { packagePart } from './package-part.js';
import { getPiece, pieceKey, skeletonKey } from './piece.js';
import { settleAll } from './settle.js';
import type { Work } from './work.js';

export interface InstallerOptions {
  readonly settings: EnvironmentSettings;
  readonly work: Work;
}

export function createInstaller({ settings, work }: InstallerOptions): Installer {
  const { store, onParts } = work.context;
  const pieces = new Map<PackageKey, Promise<PieceRecord>>();
  const lookups = new Set<Promise<unknown>>();
  let session: InstallSession | undefined;
  let groups: PartGroups<string> | undefined;
  const built = new Set<string>();
  const heavy = new Map<string, boolean>();

  const make = async (job: InstallJob): Promise<PieceRecord> => {
    // Ends when the session has the job, and not when that is done.
    const asked = getPiece(store, job.key).then((found) => ({ made: found ?? running().make(job) }));
    lookups.add(asked);
    const { made } = await asked.finally(() => lookups.delete(asked));
    return made;
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

  const skeleton = (): Promise<PieceRecord> => piece({ key: skeletonKey(settings, work), rank: SKELETON });
  const installed = async (obtained: Obtained): Promise<PieceRecord> => {
    const { name, size } = obtained.wheel;
    heavy.set(name, isHeavy(size));
    groups?.weighs(name, isHeavy(size));
    const made = await piece({ key: pieceKey(obtained, settings, work), obtained, rank: isBuilt(obtained.locked) ? Infinity : work.rank(name, isHeavy(size)) });
    groups?.made(name, [{ name, part: packagePart(obtained, made, settings.prefix) }]);
    return made;
  };
  const expect = (names: readonly string[]): void => {
    if (onParts === undefined) return;
    const members = names.map((name) => [name, name] as const);
    if (groups === undefined) groups = new PartGroups(members, onParts, true);
    else groups.add(members);
    for (const name of names) {
      if (built.has(name)) groups.builds(name);
      else if (heavy.has(name)) groups.weighs(name, heavy.get(name) === true);
    }
  };
  const builds = (name: string): void => {
    built.add(name);
    groups?.builds(name);
  };

  const finish = async (): Promise<void> => {
    await Promise.allSettled(lookups);
    const last = session;
    session = undefined;
    await last?.end();
  };

  return {
    prepare: () => void running(),
    expect,
    builds,
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

/** Below the ranks of all packages. */
const SKELETON = -1;

function ignore(): void {}
