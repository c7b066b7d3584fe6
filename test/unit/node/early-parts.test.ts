import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import type { Part } from '../../../src/artifact/artifact.js';
import { groupOf } from '../../../src/artifact/spread.js';
import type { Digest } from '../../../src/core/identity.js';
import { EarlyParts } from '../../../src/node/early-parts.js';
import type { Unit } from '../../../src/node/packages.js';
import type { Piece } from '../../../src/node/piece.js';
import type { TreeNode } from '../../../src/node/tree.js';
import { groupedNames } from '../../support/grouped-names.js';

/** Of one package, at these places. */
function unit(name: string, ...locations: readonly string[]): Unit {
  const nodes = locations.map((location) => ({ location, manifest: { name, version: '1.0.0' }, entry: { version: '1.0.0', name } }) as unknown as TreeNode);
  return { nodes } as unknown as Unit;
}

const units = groupedNames('p').map((name, index) => unit(name, `node_modules/${name}`, ...(index % 5 === 0 ? [`node_modules/q/node_modules/${name}`] : [])));
const pieceOf = (one: Unit): Piece => ({ blob: createHash('sha256').update(nameOf(one)).digest('hex') as Digest, size: 1, bins: [], gyp: false, bundled: [], libc: [] });
const nameOf = (one: Unit): string => (one.nodes[0] as TreeNode).manifest.name as string;
const groupOfUnit = (one: Unit): number => groupOf(`${nameOf(one)} 1.0.0`, 8);

function rig(late: readonly string[] = [], out: readonly string[] = []) {
  const told: (readonly Part[])[] = [];
  const early = new EarlyParts(units, { prefix: '/app', onParts: (parts) => told.push(parts), isBuilt: (node) => late.includes(node.manifest.name as string), isOut: (node) => out.includes(node.manifest.name as string) });
  return { told, early };
}

describe('parts of packages as they come', () => {
  test('packages of lower groups are wanted first, each once', () => {
    const { early } = rig();
    const groups = early.inOrder.map(groupOfUnit);
    expect(groups).toEqual([...groups].sort((a, b) => a - b));
    expect(new Set(early.inOrder)).toEqual(new Set(units));
    expect(early.inOrder).toHaveLength(units.length);
  });

  test('a group is told when all of it is there, and those below it', () => {
    const { early, told } = rig();
    for (const one of [...early.inOrder].reverse()) {
      expect(told).toEqual([]);
      early.made(one, pieceOf(one));
    }
    expect(told).toHaveLength(8);
    told.forEach((parts, group) => expect(parts.map((part) => groupOf(part.package as string, 8))).toEqual(parts.map(() => group)));
    const places = units.flatMap((one) => one.nodes.map(({ location }) => ({ at: `/app/${location}`, piece: pieceOf(one).blob, size: 1, package: `${nameOf(one)} 1.0.0` })));
    expect(new Set(told.flat().map((part) => JSON.stringify(part)))).toEqual(new Set(places.map((part) => JSON.stringify(part))));
  });

  test('what is left out is not waited for', () => {
    const { early, told } = rig();
    const [first, ...others] = early.inOrder as [Unit, ...Unit[]];
    for (const one of others) early.made(one, pieceOf(one));
    expect(told).toEqual([]);
    early.made(first, undefined);
    expect(told).toHaveLength(8);
    expect(told[0]!.every(({ package: name }) => name !== `${nameOf(first)} 1.0.0`)).toBe(true);
  });

  test('what is there and will be left out is not told', () => {
    const { early, told } = rig([], [nameOf(units[7] as Unit)]);
    for (const one of early.inOrder) early.made(one, pieceOf(one));
    expect(told).toHaveLength(8);
    expect(told.flat().map((part) => part.package)).toHaveLength(units.flatMap(({ nodes }) => nodes).length - 1);
    expect(told.flat().every(({ package: name }) => name !== `${nameOf(units[7] as Unit)} 1.0.0`)).toBe(true);
  });

  test('a package that will be another is not told, and no other waits for it', () => {
    const late = units.find((one) => groupOfUnit(one) === 3) as Unit;
    const { early, told } = rig([nameOf(late)]);
    for (const one of early.inOrder) early.made(one, pieceOf(one));
    expect(told).toHaveLength(8);
    expect(told.flat().some(({ package: name }) => name === `${nameOf(late)} 1.0.0`)).toBe(false);
    expect(told.flat()).toHaveLength(units.flatMap(({ nodes }) => nodes).length - late.nodes.length);
  });
});
