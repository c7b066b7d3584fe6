import type { Action } from '../action.js';
import { withWorld } from '../wire.js';

export const context: Action = (options, args) =>
  withWorld(options, async ({ world }) => {
    const written = await world.images.exportContext(args[0] as string, options['output'] as string);
    const file = written.dockerfile === 'Dockerfile' ? '' : ` -f ${written.folder}/${written.dockerfile}`;
    return { data: { ...written }, lines: [`docker build${file} ${written.folder}`] };
  }, { tagged: true });
