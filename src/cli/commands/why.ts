import { explain } from '../../run/why.js';
import type { Action } from '../action.js';
import { withWorld } from '../wire.js';

export const why: Action = (options, args) =>
  withWorld(options, async ({ world, artifacts }) => {
    const name = args[0] as string;
    const explanation = await explain(world, artifacts, name);
    return { data: { ...explanation }, lines: explanation.lines };
  });
