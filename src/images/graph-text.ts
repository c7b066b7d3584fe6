import { compare } from '../core/record.js';
import { topologicalLevels } from '../plan/graph.js';
import type { Drawing, DrawingNode } from './drawing.js';
import { drawSvg } from './graph-svg.js';

export const GRAPH_FORMATS = ['text', 'dot', 'mermaid', 'svg'] as const;
export type GraphFormat = (typeof GRAPH_FORMATS)[number];

/** The drawing as lines; the same drawing always gives the same lines, whatever order its parts are in. */
export function renderGraph(drawing: Drawing, format: GraphFormat): readonly string[] {
  const sorted = { nodes: [...drawing.nodes].sort((a, b) => compare(a.id, b.id)), edges: [...drawing.edges].sort((a, b) => compare(a.from, b.from) || compare(a.to, b.to)) };
  switch (format) {
    case 'text':
      return asText(sorted);
    case 'dot':
      return asDot(sorted);
    case 'mermaid':
      return asMermaid(sorted);
    case 'svg':
      return drawSvg(sorted, levelsOf(sorted));
  }
}

/** Nodes that need nothing come first, each level in the order of the names. */
export function levelsOf({ nodes, edges }: Drawing): readonly (readonly string[])[] {
  const needs = new Map(nodes.map(({ id }) => [id, edges.filter(({ to }) => to === id).map(({ from }) => from)]));
  const found = topologicalLevels(needs);
  // Cycles were refused when the graph was read.
  if (!('levels' in found)) throw new Error('the graph has a cycle');
  return found.levels;
}

/** One line per node in the order of building, with what it needs. */
function asText(drawing: Drawing): string[] {
  const nodes = new Map(drawing.nodes.map((node) => [node.id, node]));
  const title = ({ kind, label }: DrawingNode): string => (kind === 'image' ? label : `[${label}]`);
  return levelsOf(drawing).flat().map((id) => {
    const needs = drawing.edges.filter(({ to }) => to === id).map(({ from }) => title(nodes.get(from)!));
    return `${title(nodes.get(id)!)}${needs.length === 0 ? '' : ` <- ${needs.join(', ')}`}`;
  });
}

function asDot({ nodes, edges }: Drawing): string[] {
  const quoted = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`;
  return [
    'digraph images {',
    '  rankdir=LR;',
    ...nodes.map(({ id, label, kind }) => `  ${quoted(id)} [label=${quoted(label)}, shape=${kind === 'image' ? 'box' : 'ellipse'}];`),
    ...edges.map(({ from, to }) => `  ${quoted(from)} -> ${quoted(to)};`),
    '}',
  ];
}

/** Nodes are numbered: names can be words of Mermaid's own (`end`). */
function asMermaid({ nodes, edges }: Drawing): string[] {
  const number = new Map(nodes.map(({ id }, index) => [id, `n${index}`]));
  const quoted = (text: string): string => `"${text.replace(/["<>&#]/g, (one) => `#${one.charCodeAt(0)};`)}"`;
  return [
    'graph LR',
    ...nodes.map(({ id, label, kind }) => `  ${number.get(id)}${kind === 'image' ? `[${quoted(label)}]` : `([${quoted(label)}])`}`),
    ...edges.map(({ from, to }) => `  ${number.get(from)} --> ${number.get(to)}`),
  ];
}
