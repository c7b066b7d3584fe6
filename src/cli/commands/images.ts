import type { Action } from '../action.js';
import { withWorld } from '../wire.js';

export const images: Action = (options, args) =>
  withWorld(options, async ({ world }) => {
    const names = args.length === 0 ? undefined : [...new Set(args)];
    if (options['pull'] === true) await world.images.refreshBases(names);
    const results = await world.images.build(names);
    return {
      data: { images: results.map(({ name, key, id, status, tags }) => ({ name, key, id, status, tags })) },
      lines: options.quiet ? results.map((image) => image.tags[0] ?? image.id) : [],
    };
  }, { tagged: true });
