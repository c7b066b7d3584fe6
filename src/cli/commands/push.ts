import { pushProject } from '../../run/push.js';
import { bytes } from '../render/format.js';
import type { Action } from '../action.js';
import { withWorld } from '../wire.js';

export const push: Action = (options, args) =>
  withWorld(options, async ({ world, registry }) => {
    const { images, problems } = await pushProject(world, args, { build: options['build'] !== false, registry: await registry() });
    return {
      data: { images: images.map(({ name, key, digest, tags, status, uploadedBytes, mountedBytes }) => ({ name, key, digest, tags, status, uploadedBytes, mountedBytes })) },
      lines: images.map(({ tags, digest, status, uploadedBytes }) => `${tags[0]}@${digest} ${status}${status === 'pushed' ? `, ${bytes(uploadedBytes)} sent` : ''}`),
      problems,
    };
  }, { tagged: true });
