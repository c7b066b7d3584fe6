import { createHash } from 'node:crypto';

/**
 * Labels of every container that a run makes: by them others see whose it is and whether it is left over. Images with `ahead`
 * have layers that others will have, and are removed by the run as well.
 */
export const LABELS = { builder: 'wheelwright.builder', store: 'wheelwright.store', run: 'wheelwright.run', ahead: 'wheelwright.ahead' } as const;

/** Names the store (an absolute path on this host) among those of all machines that share an engine. */
export function storeLabel(host: string, store: string): string {
  return createHash('sha256').update(`${host}\0${store}`).digest('hex').slice(0, 32);
}
