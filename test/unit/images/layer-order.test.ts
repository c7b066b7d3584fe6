import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { liesApart, orderLayers } from '../../../src/images/layer-order.js';
import type { DiffId, Layer } from '../../../src/layers/layer.js';

function layer(name: string, size = 1): Layer {
  return { diffId: `sha256:${name}` as DiffId, size, content: { kind: 'engine' } };
}

function names(layers: readonly Layer[]): string {
  return layers.map(({ diffId }) => diffId.slice('sha256:'.length)).join(' ');
}

const ids = (text: string): string[] => text.split(' ').map((name) => `sha256:${name}`);

test('what is new comes last, whichever artifact it belongs to', () => {
  const python = [layer('p1'), layer('p2'), layer('p3')];
  const node = [layer('n1'), layer('n2')];
  expect(names(orderLayers([python, node], []))).toBe('p1 p2 p3 n1 n2');
  expect(names(orderLayers([python, node], [ids('p1 p2 n1 n2')]))).toBe('p1 p2 n1 n2 p3');
  expect(names(orderLayers([python, [...node, layer('n3')]], [ids('p1 p2 n1 n2 p3')]))).toBe('p1 p2 n1 n2 p3 n3');
  // A fresh set of one: only what comes before it is kept.
  expect(names(orderLayers([[layer('q1')], node], [ids('p1 p2 n1 n2')]))).toBe('q1 n1 n2');
});

test('of several earlier images the one that keeps the most bytes', () => {
  const sequences = [[layer('a'), layer('b', 100)], [layer('c')]];
  expect(names(orderLayers(sequences, [ids('c a'), ids('a b'), ids('c x')]))).toBe('a b c');
});

test('every layer once, each artifact’s in its order', () => {
  const sequence = (letter: string) => fc.integer({ min: 0, max: 6 }).map((count) => Array.from({ length: count }, (_, at) => layer(`${letter}${at}`)));
  const arbitrary = fc.tuple(sequence('a'), sequence('b'), fc.array(fc.array(fc.constantFrom('a0', 'a1', 'a2', 'b0', 'b1', 'x')), { maxLength: 3 }));
  fc.assert(fc.property(arbitrary, ([a, b, earlier]) => {
    const ordered = orderLayers([a, b], earlier.map((chain) => chain.map((name) => `sha256:${name}`)));
    expect(ordered.filter((one) => a.includes(one))).toEqual(a);
    expect(ordered.filter((one) => b.includes(one))).toEqual(b);
    expect(ordered).toHaveLength(a.length + b.length);
  }));
});

test('side by side', () => {
  expect(liesApart('/opt/venv', '/app')).toBe(true);
  expect(liesApart('/app', '/application')).toBe(true);
  expect(liesApart('/app', '/app/static')).toBe(false);
  expect(liesApart('/', '/app')).toBe(false);
});
