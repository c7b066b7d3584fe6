import { describe, expect, test } from '@jest/globals';
import type { Part } from '../../../src/artifact/artifact.js';
import { PartGroups } from '../../../src/artifact/part-groups.js';
import { groupOf } from '../../../src/artifact/spread.js';
import type { Digest } from '../../../src/core/identity.js';
import { groupedNames } from '../../support/grouped-names.js';

const NAMES = groupedNames('p');
const partOf = (name: string): Part => ({ at: '/app', piece: name as Digest, size: 1, package: `${name} 1` });
const own = (name: string) => [name, name] as const;

function rig() {
  const told: (readonly Part[])[] = [];
  const groups = new PartGroups(NAMES.map(own), (parts) => told.push(parts));
  const made = (name: string): void => groups.made(name, [{ name, part: partOf(name) }]);
  return { told, groups, made };
}

/** A name of another package in that group of eight. */
const another = (group: number): string => Array.from({ length: 1000 }, (_, index) => `q${index}`).find((name) => groupOf(name, 8) === group)!;

test('large ones are told when all that are only fetched are there, and not with those of their names', () => {
  const { told, groups } = rig();
  const [built, ...others] = NAMES;
  const large = NAMES.filter((name) => groupOf(name, 8) === 1).at(-1)!;
  groups.builds(built!);
  for (const name of others) groups.made(name, [{ name, part: { ...partOf(name), ...(name === large ? { size: 2 ** 27 } : {}) } }]);
  expect(told).toHaveLength(9);
  expect(told.at(-1)!.map(({ package: name }) => name)).toEqual([`${large} 1`]);
  groups.made(built!, [{ name: built!, part: { ...partOf(built!), built: true } }]);
  expect(told).toHaveLength(10);
});

describe('heavy ones', () => {
  const weighed = () => {
    const told: (readonly Part[])[] = [];
    const groups = new PartGroups(NAMES.map(own), (parts) => told.push(parts), true);
    const made = (name: string, part: Partial<Part> = {}): void => groups.made(name, [{ name, part: { ...partOf(name), ...part } }]);
    return { told, groups, made, shown: () => told.map((parts) => parts.map(({ package: name }) => name!.split(' ')[0])) };
  };
  const [first, second, ...others] = NAMES.filter((name) => groupOf(name, 8) === 0).concat(NAMES.filter((name) => groupOf(name, 8) > 0));

  test('are told after three groups, when it is known which they are', () => {
    const { groups, made, shown } = weighed();
    const low = NAMES.filter((name) => groupOf(name, 8) < 3 && name !== second);
    const high = NAMES.filter((name) => groupOf(name, 8) >= 3);
    groups.weighs(second!, true);
    made(second!, { heavy: true });
    for (const name of low) made(name);
    for (const name of high.slice(1)) groups.weighs(name, false);
    expect(shown()).toHaveLength(3);
    groups.weighs(high[0]!, false);
    expect(shown()).toHaveLength(4);
    expect(shown()[3]).toEqual([second]);
    for (const name of high) made(name);
    expect(shown()).toHaveLength(9);
    expect(shown().flat()).toHaveLength(40);
  });

  test('those above wait for them', () => {
    const { groups, made, shown } = weighed();
    for (const name of NAMES) groups.weighs(name, name === second);
    for (const name of [first!, ...others]) made(name);
    expect(shown()).toHaveLength(3);
    made(second!, { heavy: true });
    expect(shown()).toHaveLength(9);
    expect(shown()[3]).toEqual([second]);
  });

  test('what is to be built is not waited for, and what is made needs no weighing', () => {
    const { groups, made, shown } = weighed();
    groups.builds(first!);
    made(second!);
    for (const name of others) groups.weighs(name, false);
    for (const name of others) made(name);
    expect(shown().flat()).toHaveLength(39);
    made(first!, { built: true });
    expect(shown().at(-1)).toEqual([first]);
  });

  test('one that comes when they were told ends the telling', () => {
    const { groups, made, shown } = weighed();
    for (const name of NAMES) groups.weighs(name, name === second);
    made(second!, { heavy: true });
    for (const name of [first!, ...others].filter((name) => groupOf(name, 8) < 3)) made(name);
    expect(shown()).toHaveLength(4);
    groups.add([own('late')]);
    groups.weighs('late', true);
    made('late', { heavy: true });
    for (const name of others) made(name);
    expect(shown()).toHaveLength(4);
  });
});

describe('a set that grows', () => {
  test('a package that comes to a group which was not told is waited for', () => {
    const { told, groups, made } = rig();
    const late = another(7);
    groups.add([...NAMES.map(own), own(late)]);
    NAMES.forEach(made);
    expect(told).toHaveLength(7);
    made(late);
    expect(told).toHaveLength(8);
    expect(told.flat()).toHaveLength(41);
  });

  test('one that comes to a group which was told ends the telling', () => {
    const { told, groups, made } = rig();
    NAMES.filter((name) => groupOf(name, 8) < 2).forEach(made);
    expect(told).toHaveLength(2);
    groups.add([own(another(1))]);
    NAMES.forEach(made);
    expect(told).toHaveLength(2);
  });

  test('one that is to be built is waited for by none, and told last, with those of which it shows in the end', () => {
    const { told, groups, made } = rig();
    const [known, unknown] = [NAMES.find((name) => groupOf(name, 8) === 0)!, NAMES.findLast((name) => groupOf(name, 8) === 0)!];
    groups.builds(known);
    NAMES.filter((name) => ![known, unknown].includes(name)).forEach(made);
    expect(told).toEqual([]);
    groups.made(unknown, [{ name: unknown, part: { ...partOf(unknown), built: true } }]);
    expect(told).toHaveLength(8);
    groups.made(known, [{ name: known, part: { ...partOf(known), built: true } }]);
    expect(told).toHaveLength(9);
    expect(told[8]!.map(({ package: name }) => name).sort()).toEqual([known, unknown].map((name) => `${name} 1`).sort());
    expect(told.flat()).toHaveLength(40);
  });

  test('so many that all groups are others end it', () => {
    const told: (readonly Part[])[] = [];
    const groups = new PartGroups([own('a')], (parts) => told.push(parts));
    groups.add(NAMES.map(own));
    for (const name of ['a', ...NAMES]) groups.made(name, [{ name, part: partOf(name) }]);
    expect(told).toEqual([]);
  });
});

test('who is made twice, or was not asked for, is told of once or not at all', () => {
  const { told, made } = rig();
  for (const name of ['stranger', ...NAMES, ...NAMES]) made(name);
  expect(told.flat().map(({ package: name }) => name).sort()).toEqual(NAMES.map((name) => `${name} 1`).sort());
});
