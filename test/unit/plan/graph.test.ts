import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { topologicalLevels, topologicalOrder, withDependents, withNeeds } from '../../../src/plan/graph.js';

const graph = (edges: { [node: string]: string[] }): Map<string, string[]> => new Map(Object.entries(edges));
const images = graph({ web: ['base'], worker: ['base'], base: ['deps', 'builder'], deps: ['runtime', 'builder'], runtime: ['debian'], builder: [] });

test('levels hold what can be built at once, by name', () => {
  expect(topologicalLevels(images)).toEqual({ levels: [['builder', 'runtime'], ['deps'], ['base'], ['web', 'worker']] });
  expect(topologicalOrder(images)).toEqual({ order: ['builder', 'runtime', 'deps', 'base', 'web', 'worker'] });
});

test('a cycle is given as its nodes, the same whatever the order of the file', () => {
  expect(topologicalOrder(graph({ z: ['b'], b: ['c'], c: ['b'] }))).toEqual({ cycles: [['b', 'c']] });
  expect(topologicalOrder(graph({ c: ['b'], b: ['c'], z: ['b'] }))).toEqual({ cycles: [['b', 'c']] });
});

test('needs listed twice count once', () => {
  expect(topologicalOrder(graph({ b: ['a', 'a'], a: [] }))).toEqual({ order: ['a', 'b'] });
});

test('selection upwards and downwards', () => {
  expect([...withNeeds(images, ['base'])].sort()).toEqual(['base', 'builder', 'deps', 'runtime']);
  expect([...withDependents(images, ['deps'])].sort()).toEqual(['base', 'deps', 'web', 'worker']);
});

describe('any graph', () => {
  const node = fc.constantFrom(...'abcdefgh');
  const anyGraph = fc.dictionary(node, fc.array(node, { maxLength: 3 }), { maxKeys: 8 });

  test('has either an order that respects every need, or cycles that exist; insertion order does not matter', () => {
    fc.assert(
      fc.property(anyGraph, (edges) => {
        const result = topologicalOrder(graph(edges));
        expect(topologicalOrder(new Map(Object.entries(edges).reverse()))).toEqual(result);
        if ('order' in result) {
          expect([...result.order].sort()).toEqual(Object.keys(edges).sort());
          const at = new Map(result.order.map((name, index) => [name, index]));
          for (const [name, needs] of Object.entries(edges)) for (const need of needs) if (at.has(need)) expect(at.get(need)!).toBeLessThan(at.get(name)!);
        } else {
          expect(result.cycles.length).toBeGreaterThan(0);
          for (const cycle of result.cycles) cycle.forEach((name, index) => expect(edges[name]).toContain(cycle[(index + 1) % cycle.length]));
        }
      }),
      { numRuns: 300 },
    );
  });
});
