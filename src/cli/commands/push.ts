import { pushProject } from '../../run/push.js';
import { selectionOf } from '../../run/selection.js';
import { warnOfUndeclared } from '../../run/undeclared-args.js';
import type { Action } from '../action.js';
import { bytes } from '../render/format.js';
import { selectionOptions, withImageSettings } from '../selection.js';
import { withWorld } from '../wire.js';

export const push: Action = (options, args) =>
  withWorld(withImageSettings(options, args), async ({ world, registry }) => {
    const selection = await selectionOf(world, selectionOptions(options, args));
    await warnOfUndeclared(world, selection, withImageSettings(options, args).imageSettings);
    const settings = { build: options['build'] !== false, anew: options['cache'] === false, registry: await registry(), compression: options['compression'] === 'zstd' ? 'zstd' as const : 'gzip' as const };
    const { images, problems } = await pushProject(world, selection, settings);
    return {
      data: { images: images.map(({ name, key, digest, tags, status, uploadedBytes, mountedBytes }) => ({ name, key, digest, tags, status, uploadedBytes, mountedBytes })) },
      lines: images.map(({ tags, digest, status, uploadedBytes }) => `${tags[0]}@${digest} ${status}${status === 'pushed' ? `, ${bytes(uploadedBytes)} sent` : ''}`),
      problems,
    };
  }, { tagged: true, released: true });
