// The order of test files: those that take minutes first, so that none of them is left when the others are done; the histories of Pontoon
// before all, since they make tens of thousands of files, which takes many times as long while the file system still passes over what other
// tests have just deleted. The rest as jest would: by how long they took the last time, or by their size.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Sequencer from '@jest/test-sequencer';

const LONG = ['engine/node/pontoon', 'engine/python/pontoon', 'engine/assemble/differential', 'e2e/kill', 'e2e/assembly/killed', 'engine/assemble/random', 'engine/node/oracle'].map((name) => join(import.meta.dirname, `../../test/${name}.test.ts`));
for (const path of LONG) if (!existsSync(path)) throw new Error(`${path} is not there any more: correct ${import.meta.filename}`);

export default class LongFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => LONG.indexOf(path) >>> 0;
    return [...super.sort(tests)].sort((one, other) => rank(one) - rank(other));
  }
}
