import { expect, test } from '@jest/globals';
import { drawingOf, type Drawing } from '../../../src/images/drawing.js';
import { renderGraph } from '../../../src/images/graph-text.js';
import { commandSpec, projectOf } from '../../support/images/project.js';

const project = projectOf('/x', { web: { artifacts: ['tool'] }, base: {}, builder: {} }, [commandSpec('tool', 'builder')]);
const ordered = ['base', 'builder', 'web'].map((name) => ({
  name, repository: `shop-${name}`, parents: name === 'web' ? ['base'] : [], artifacts: name === 'web' ? ['tool'] : [], args: [],
}));
const drawing = drawingOf(project, ordered);
const evil: Drawing = {
  nodes: [{ id: 'image "a"', label: '<a & "b">', kind: 'image' }, { id: 'image end', label: 'end', kind: 'image' }],
  edges: [{ from: 'image "a"', to: 'image end' }],
};

test('images, the artifacts in them and the builders of those', () =>
  expect(renderGraph(drawing, 'text')).toEqual(['base', 'builder', '[tool] <- builder', 'web <- [tool], base']));

test('a builder that is not shown is left out', () =>
  expect(renderGraph(drawingOf(project, ordered.filter(({ name }) => name !== 'builder')), 'text')).toEqual(['[tool]', 'base', 'web <- [tool], base']));

test('the order of the parts makes no difference', () => {
  const reversed = { nodes: [...drawing.nodes].reverse(), edges: [...drawing.edges].reverse() };
  for (const format of ['text', 'dot', 'mermaid', 'svg'] as const) expect(renderGraph(reversed, format)).toEqual(renderGraph(drawing, format));
});

test('names are quoted for each format', () => {
  expect(renderGraph(evil, 'dot')).toContain('  "image \\"a\\"" -> "image end";');
  expect(renderGraph(evil, 'mermaid')).toEqual(['graph LR', '  n0["#60;a #38; #34;b#34;#62;"]', '  n1["end"]', '  n0 --> n1']);
  expect(renderGraph(evil, 'svg').join('\n')).toContain('>&#60;a &#38; &#34;b&#34;&#62;</text>');
});

test('nothing to draw is an empty drawing', () => expect(renderGraph({ nodes: [], edges: [] }, 'svg').at(-1)).toBe('</svg>'));
