import { expect, test } from '@jest/globals';
import { openLaboratory } from '../../support/assemble/laboratory.js';
import type { Case } from '../../support/assemble/case.js';
import { ENGINES } from '../../support/engines.js';
import { ARCHIVES } from './cases/archives.js';
import { CONFIG } from './cases/config.js';
import { DEBIAN } from './cases/debian.js';
import { DESTINATIONS } from './cases/destinations.js';
import { NEWER } from './cases/newer.js';
import { OWNERS } from './cases/owners.js';
import { SOURCES } from './cases/sources.js';
import { STAGES } from './cases/stages.js';

/** Patience with hundreds of builds on a busy machine; ms. */
const MANY_BUILDS = 600_000;

async function expectEqual(cases: readonly Case[], host?: string): Promise<void> {
  const laboratory = await openLaboratory(host);
  try {
    const findings = await laboratory.examine(cases);
    expect(findings.length).toBeGreaterThan(0);
    expect(findings.filter(({ problems }) => problems.length > 0)).toEqual([]);
  } finally {
    await laboratory.close();
  }
}

test.each(Object.entries({ DESTINATIONS, SOURCES, OWNERS, CONFIG, STAGES, ARCHIVES, DEBIAN }))('%s are as the engine has them', async (_, cases) => {
  await expectEqual(cases);
}, MANY_BUILDS);

test('what older builders do not know is as a newer engine has it', async () => {
  await expectEqual(NEWER, ENGINES[1]!.host);
}, MANY_BUILDS);
