import { bytes } from '../render/format.js';
import type { Action } from '../program.js';
import { withStore } from '../wire.js';

export const verify: Action = (options) =>
  withStore(options, async ({ store }) => {
    const result = await store.verify({ repair: options['repair'] === true });
    const problems = result.problems;
    return {
      data: { blobs: result.blobs, records: result.records, bytes: result.bytes },
      lines: [`${result.blobs} blobs and ${result.records} records, ${bytes(result.bytes)}: ${problems.length === 0 ? 'all correct' : `${problems.length} wrong`}`],
      problems,
    };
  });
