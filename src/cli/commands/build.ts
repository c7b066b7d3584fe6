import { buildArtifacts } from '../../run/build.js';
import type { Action } from '../action.js';
import { withWorld } from '../wire.js';
import { chosen } from './names.js';

export const build: Action = (options, args) =>
  withWorld(options, async ({ world, artifacts }) => {
    const names = chosen(args, world.project);
    const { artifacts: results, problems } = await buildArtifacts(artifacts, names);
    return {
      data: {
        artifacts: results.map((result) =>
          result.status === 'failed' ? result : { name: result.name, key: result.key, status: result.status, packages: result.packages },
        ),
      },
      problems,
    };
  });
