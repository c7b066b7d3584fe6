import { verifyStore } from '../../store/verify.js';
import { bytes } from '../render/format.js';
import type { Action } from '../action.js';
import { withStore } from '../wire.js';

export const verify: Action = (options) =>
  withStore(options, async ({ store, interruption }) => {
    const repair = options['repair'] === true;
    const { problems, ...counts } = await store.withShared(() => verifyStore(store, { repair, signal: interruption.signal }));
    const verdict = problems.length === 0 ? 'all correct' : `${problems.length} wrong${repair ? ', set aside' : ''}`;
    return { data: counts, lines: [`${counts.blobs} blobs and ${counts.records} records, ${bytes(counts.bytes)}: ${verdict}`], problems };
  });
