import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openLaboratory, type Laboratory } from '../../support/assemble/laboratory.js';
import { randomCases } from '../../support/assemble/random-case.js';

/** Patience with hundreds of builds on a busy machine; ms. */
const MANY_BUILDS = 600_000;

let laboratory: Laboratory;
beforeAll(async () => {
  laboratory = await openLaboratory();
});
afterAll(() => laboratory.close(), MANY_BUILDS);

test('300 random thin Dockerfiles give what the engine gives', async () => {
  const findings = await laboratory.examine(await randomCases(20_240_501, 300, laboratory.major));
  expect(findings).toHaveLength(300);
  expect(findings.filter(({ problems }) => problems.length > 0)).toEqual([]);
}, MANY_BUILDS);
