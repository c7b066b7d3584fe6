import { liveRenderer } from './live.js';
import { plainRenderer } from './plain.js';
import { quietRenderer } from './quiet.js';
import type { Renderer } from './renderer.js';

interface RenderOptions {
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** File that gets every event. */
  readonly events?: string;
}

/** The renderer for these options and this stderr. */
export async function createRenderer(options: RenderOptions, stderr: NodeJS.WriteStream): Promise<Renderer> {
  const renderer = await rendererFor(options, stderr);
  if (options.events === undefined) return renderer;
  const { withEventsFile } = await import('./events-file.js');
  return withEventsFile(renderer, options.events, () => new Date());
}

async function rendererFor(options: RenderOptions, stderr: NodeJS.WriteStream): Promise<Renderer> {
  const write = (text: string) => void stderr.write(text);
  if (options.quiet) return quietRenderer(write);
  if (stderr.isTTY !== true || process.env['TERM'] === 'dumb' || process.env['CI'] !== undefined) return plainRenderer(write, options);
  const { createLogUpdate } = await import('log-update');
  return liveRenderer(createLogUpdate(stderr), write, options);
}
