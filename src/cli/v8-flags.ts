/** Flags of V8 while buffers come and go (collect-buffers.ts), and the same as V8 has them at the start. */
export const COLLECTING = flags('1', 'no-');
export const USUAL = flags('2', '');

/**
 * How the place for young objects grows; and who frees the buffers that a collection found without a holder: another thread may
 * come to it late, and on a busy machine tens of megabytes stand until it does.
 */
function flags(growth: string, concurrent: string): readonly string[] {
  return [`--semi-space-growth-factor=${growth}`, `--${concurrent}concurrent-array-buffer-sweeping`];
}
