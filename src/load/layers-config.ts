import type { Layer } from '../layers/layer.js';

/** Of an image that only has layers, for others that will have them. `config`: of one of those. */
export function layersConfig({ architecture, os, variant }: Platform, layers: readonly Layer[], labels: Readonly<Record<string, string>>): Buffer {
  return Buffer.from(JSON.stringify({
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    config: { Labels: labels },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created_by: 'layers ahead of their image' })),
  }));
}

export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string | undefined;
}
