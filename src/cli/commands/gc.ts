import { fail } from '../../core/failure.js';
import { collectGarbage } from '../../store/gc.js';
import type { RecordName } from '../../store/gc-plan.js';
import { keptRecords } from '../../run/kept-records.js';
import { bytes } from '../render/format.js';
import type { Action } from '../action.js';
import { withStore, withWorld } from '../wire.js';

export const gc: Action = async (options) => {
  const keepUsedFor = duration(String(options['keep']));
  const dryRun = options['dryRun'] === true;
  const keep: RecordName[] = [];
  let imagesKnown = true;
  // The keys are found while others may still use the store; collecting wants it for itself.
  await withWorld({ ...options, quiet: true }, async ({ world, artifacts }) => {
    const kept = await keptRecords(world, artifacts);
    keep.push(...kept.keep);
    imagesKnown = kept.imagesKnown;
    return { data: {} };
  });
  return withStore(options, async ({ store, emit }) => {
    if (!imagesKnown) emit({ type: 'step', subject: 'gc', message: 'the engine is not there: what images of other branches need is not known, so only --keep protects it' });
    const plan = await collectGarbage(store, { keep, keepUsedFor, now: Date.now() }, { dryRun });
    const what = `${plan.records.length} records, ${plan.blobs.length} blobs and ${plan.files.length} files, ${bytes(plan.bytes)}`;
    return {
      data: { dryRun, imagesKnown, records: plan.records.length, blobs: plan.blobs.length, files: plan.files.length, bytes: plan.bytes },
      lines: [dryRun ? `would remove ${what}` : `removed ${what}`],
    };
  });
};

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `30d`, `12h`, `0` → milliseconds. */
function duration(text: string): number {
  const match = /^(\d+)([smhdw]?)$/.exec(text);
  if (match === null) return fail({ reason: 'usage', message: `--keep ${text} is not a duration`, advice: 'write a number and one of s, m, h, d, w: 12h, 30d' });
  return Number(match[1]) * (UNITS[match[2] === '' ? 'd' : (match[2] as string)] as number);
}
