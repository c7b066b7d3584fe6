import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openLaboratory, type Laboratory } from '../../support/assemble/laboratory.js';
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

let laboratory: Laboratory;
beforeAll(async () => {
  laboratory = await openLaboratory();
});
afterAll(() => laboratory.close(), MANY_BUILDS);

test.each(Object.entries({ DESTINATIONS, SOURCES, OWNERS, CONFIG, STAGES, ARCHIVES, NEWER, DEBIAN }))('%s are as the engine has them', async (_, cases) => {
  const findings = await laboratory.examine(cases);
  expect(findings.filter(({ problems }) => problems.length > 0)).toEqual([]);
}, MANY_BUILDS);
