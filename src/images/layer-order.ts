import type { Layer } from '../layers/layer.js';

/** Layers that have to keep their order among themselves, and may stand anywhere among those of others: an artifact's. */
export type Sequence = readonly Layer[];

/**
 * Layers of artifacts that lie side by side, in an order that begins as an earlier image's layers do as far as possible:
 * an engine unpacks again whatever stands above a new layer, so what is new comes last. Without an earlier image, one
 * sequence after the other. `earlier`: diff ids of layers at this place of earlier images, the likeliest first.
 */
export function orderLayers(sequences: readonly Sequence[], earlier: readonly (readonly string[])[]): readonly Layer[] {
  const begun = earlier.map((diffIds) => follow(sequences, diffIds));
  const best = begun.reduce((most, one) => (weight(one) > weight(most) ? one : most), [] as readonly Layer[]);
  const used = new Set(best);
  return [...best, ...sequences.flatMap((sequence) => sequence.filter((layer) => !used.has(layer)))];
}

/** The layers that come in the order of an earlier image, up to the first that does not. */
function follow(sequences: readonly Sequence[], diffIds: readonly string[]): readonly Layer[] {
  const next = sequences.map(() => 0);
  const followed: Layer[] = [];
  for (const diffId of diffIds) {
    const at = sequences.findIndex((sequence, index) => sequence[next[index]!]?.diffId === diffId);
    if (at === -1) break;
    followed.push(sequences[at]![next[at]!]!);
    next[at]! += 1;
  }
  return followed;
}

function weight(layers: readonly Layer[]): number {
  return layers.reduce((sum, { size }) => sum + size, 0);
}

/** True if neither lies in the other: then it does not matter which is unpacked first. */
export function liesApart(one: string, other: string): boolean {
  const [a, b] = [slashed(one), slashed(other)];
  return !a.startsWith(b) && !b.startsWith(a);
}

function slashed(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}
