import type { Drawing } from './drawing.js';

/** Pixels. A character of the font is about 8 wide at its size of 13. */
const CHARACTER = 8;
const PADDING = 12;
const HEIGHT = 32;
const BETWEEN_ROWS = 16;
const BETWEEN_COLUMNS = 56;
const MARGIN = 16;

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/** Levels are columns from left to right; within a column the order of the names. Self-contained, no script, no font file. */
export function drawSvg({ nodes, edges }: Drawing, levels: readonly (readonly string[])[]): string[] {
  const boxes = layOut(new Map(nodes.map(({ id, label }) => [id, label])), levels);
  const all = [...boxes.values()];
  const width = Math.max(0, ...all.map((box) => box.x + box.width)) + MARGIN;
  const height = Math.max(0, ...all.map((box) => box.y + HEIGHT)) + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13">`,
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...edges.map(({ from, to }) => arrow(boxes.get(from)!, boxes.get(to)!)),
    ...nodes.flatMap(({ id, label, kind }) => node(boxes.get(id)!, label, kind)),
    '</svg>',
  ];
}

function layOut(labels: ReadonlyMap<string, string>, levels: readonly (readonly string[])[]): Map<string, Box> {
  const boxes = new Map<string, Box>();
  const tallest = Math.max(0, ...levels.map(heightOf));
  let x = MARGIN;
  for (const level of levels) {
    const width = Math.max(...level.map((id) => labels.get(id)!.length)) * CHARACTER + 2 * PADDING;
    let y = MARGIN + Math.floor((tallest - heightOf(level)) / 2);
    for (const id of level) {
      boxes.set(id, { x, y, width });
      y += HEIGHT + BETWEEN_ROWS;
    }
    x += width + BETWEEN_COLUMNS;
  }
  return boxes;
}

function heightOf(level: readonly string[]): number {
  return level.length * (HEIGHT + BETWEEN_ROWS) - BETWEEN_ROWS;
}

function node({ x, y, width }: Box, label: string, kind: 'image' | 'artifact'): string[] {
  const [round, fill] = kind === 'image' ? [4, '#e8f0fe'] : [HEIGHT / 2, '#fef7e0'];
  return [
    `<rect x="${x}" y="${y}" width="${width}" height="${HEIGHT}" rx="${round}" fill="${fill}" stroke="#555"/>`,
    `<text x="${x + width / 2}" y="${y + HEIGHT / 2 + 4}" text-anchor="middle">${escape(label)}</text>`,
  ];
}

/** From the right side of what is needed to the left side of who needs it, as a curve. */
function arrow(from: Box, to: Box): string {
  const [x1, y1] = [from.x + from.width, from.y + HEIGHT / 2];
  const [x2, y2] = [to.x, to.y + HEIGHT / 2];
  const middle = Math.round((x1 + x2) / 2);
  return `<path d="M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}" fill="none" stroke="#555" marker-end="url(#arrow)"/>`;
}

function escape(text: string): string {
  return text.replace(/[<>&"']/g, (one) => `&#${one.charCodeAt(0)};`);
}
