import { createHash } from 'node:crypto';

/** What a stack of layers is known by, `sha256:<hex>`; OCI's ChainID. The empty text for no layers. Diff ids bottom first. */
export function chainId(diffIds: readonly string[]): string {
  let chain = '';
  for (const diffId of diffIds) chain = chain === '' ? diffId : `sha256:${createHash('sha256').update(`${chain} ${diffId}`).digest('hex')}`;
  return chain;
}
