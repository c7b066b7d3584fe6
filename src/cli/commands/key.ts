import type { Action } from '../action.js';
import { withWorld } from '../wire.js';
import { chosen } from './names.js';

export const key: Action = (options, args) =>
  withWorld(options, async ({ world, artifacts }) => {
    const names = chosen(args, world.project);
    const keys = await Promise.all(names.map(async (name) => ({ name, key: (await artifacts.plan(name)).key })));
    // One name: the bare hash, ready for a CI cache key.
    const lines = args.length === 1 ? keys.map((entry) => entry.key) : keys.map((entry) => `${entry.key}  ${entry.name}`);
    return { data: { keys }, lines };
  });
