import { expect, test } from '@jest/globals';
import { findCycles } from '../../../src/util/cycles.js';

const graph = (edges: { [node: string]: string[] }): Map<string, string[]> => new Map(Object.entries(edges));

test.each([
  [{ a: ['b'], b: ['c'], c: [] }, []],
  [{ a: ['a'] }, [['a']]],
  [{ a: ['b'], b: ['c'], c: ['b'] }, [['b', 'c']]],
  [{ a: ['b', 'c'], b: ['a'], c: ['a'] }, [['a', 'b']]],
  [{ a: ['b'], b: ['a'], c: ['d'], d: ['c'] }, [['a', 'b'], ['c', 'd']]],
  [{ a: ['elsewhere'] }, []],
])('%j has the cycles %j', (edges, cycles) => {
  expect(findCycles(graph(edges as { [node: string]: string[] }))).toEqual(cycles);
});

test('a chain of 100,000 nodes does not exhaust the stack', () => {
  const edges = new Map(Array.from({ length: 100_000 }, (_, index) => [index, [index + 1]] as const));
  expect(findCycles(edges)).toEqual([]);
});
