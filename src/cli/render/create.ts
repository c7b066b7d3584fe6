import { liveRenderer } from './live.js';
import { plainRenderer } from './plain.js';
import { quietRenderer } from './quiet.js';
import type { Renderer } from './renderer.js';

/** The renderer for these options and this stderr. */
export async function createRenderer(
  options: { readonly quiet: boolean; readonly verbose: boolean },
  stderr: NodeJS.WriteStream,
): Promise<Renderer> {
  const write = (text: string) => void stderr.write(text);
  if (options.quiet) return quietRenderer(write);
  if (stderr.isTTY !== true || process.env['TERM'] === 'dumb' || process.env['CI'] !== undefined) return plainRenderer(write, options);
  const { createLogUpdate } = await import('log-update');
  return liveRenderer(createLogUpdate(stderr), write, options);
}
