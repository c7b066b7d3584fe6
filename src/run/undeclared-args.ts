import { imagesMeant } from '../images/name-patterns.js';
import { declarableArgs, type ImageSettings } from '../images/settings.js';
import { nearest } from '../util/nearest.js';
import type { Selection } from './selection.js';
import type { World } from './world.js';

/** Warns of `--build-arg`s that no Dockerfile of the selection declares: they have no effect, which is most likely a slip. */
export async function warnOfUndeclared({ project, images, emit }: Pick<World, 'project' | 'images' | 'emit'>, { wanted, within }: Selection, settings: ImageSettings | undefined): Promise<void> {
  const given = settings === undefined ? [] : declarableArgs(settings);
  if (given.length === 0 || wanted.length === 0) return;
  const selected = (await images.order(wanted)).filter(({ name }) => within.has(name));
  for (const { image, name } of given) {
    const meant = image === undefined ? undefined : new Set(imagesMeant(project, [image]));
    const declared = selected.filter((one) => meant?.has(one.name) ?? true).flatMap(({ args }) => args);
    if (declared.includes(name)) continue;
    const near = nearest(name, declared);
    const whose = image === undefined ? 'no Dockerfile of the selected images declares it' : `no selected image ${image} declares it`;
    emit({
      type: 'warning',
      problem: { reason: 'usage', message: `--build-arg ${name} has no effect: ${whose}`, advice: near === undefined ? `write ARG ${name} in the Dockerfile that is to use it` : `did you mean ${near}?` },
    });
  }
}
