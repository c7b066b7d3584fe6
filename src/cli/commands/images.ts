import { planImages, type ImageStep } from '../../run/image-plan.js';
import { selectionOf, type Selection } from '../../run/selection.js';
import type { World } from '../../run/world.js';
import type { Action } from '../action.js';
import type { Outcome } from '../options.js';
import { selectionOptions, withImageSettings } from '../selection.js';
import { withWorld } from '../wire.js';

export const images: Action = (options, args) =>
  withWorld(withImageSettings(options, args), async ({ world }) => {
    const selection = await selectionOf(world, selectionOptions(options, args));
    const anew = options['cache'] === false;
    if (selection.wanted.length === 0) return nothing(world, options['plan'] === true);
    if (options['pull'] === true) await world.images.refreshBases(selection.wanted);
    if (options['plan'] === true) return plan(await planImages(world, selection, { anew }));
    if (options['list'] === true) return list(world, selection);
    const results = await world.images.build(selection.wanted, { within: selection.within, anew });
    return {
      data: { images: results.map(({ name, key, id, status, tags }) => ({ name, key, id, status, tags })) },
      lines: options.quiet ? results.map((image) => image.tags[0] ?? image.id) : [],
    };
  }, { tagged: true });

function nothing({ emit }: World, planned: boolean): Outcome {
  emit({ type: 'step', subject: 'images', message: 'nothing that was asked for has changed' });
  return { data: planned ? { plan: [] } : { images: [] } };
}

/** One image a line, all its references: what `docker save` and the like take. */
async function list(world: World, { images: selected, wanted }: Selection): Promise<Outcome> {
  const planned = new Map((await world.images.plan(wanted)).map((image) => [image.name, image]));
  const listed = selected.map(({ name, reason }) => {
    const { key, repository, tags, parents } = planned.get(name)!;
    return { name, key, repository, tags, parents, reason };
  });
  return { data: { images: listed }, lines: listed.map(({ tags }) => tags.join(' ')) };
}

function plan(steps: readonly ImageStep[]): Outcome {
  const width = Math.max(...steps.map(({ name }) => name.length));
  const lines = steps.map((step) => {
    const { name, action, key, reasons } = step;
    return `${name.padEnd(width)}  ${action.padEnd('present'.length)}  ${key.slice(0, 12)}  ${[...reasons, ...howOf(step)].join(', ')}`.trimEnd();
  });
  return { data: { plan: steps }, lines };
}

function howOf({ action, engineBecause }: ImageStep): string[] {
  if (action !== 'build') return [];
  return [engineBecause === undefined ? '(assembled directly)' : `(built by the engine: ${engineBecause})`];
}
