import { fromRegistry, type FromRegistry } from '../../run/from-registry.js';
import { makeImages } from '../../run/make-images.js';
import { planImages, type ImageStep } from '../../run/image-plan.js';
import { selectionOf, type Selection } from '../../run/selection.js';
import { warnOfUndeclared } from '../../run/undeclared-args.js';
import type { World } from '../../run/world.js';
import type { Action } from '../action.js';
import type { Outcome } from '../options.js';
import { selectionOptions, withImageSettings } from '../selection.js';
import { withWorld } from '../wire.js';

export const images: Action = (options, args) =>
  withWorld(withImageSettings(options, args), async ({ world, registry }) => {
    const selection = await selectionOf(world, selectionOptions(options, args));
    await warnOfUndeclared(world, selection, withImageSettings(options, args).imageSettings);
    const anew = options['cache'] === false;
    if (selection.wanted.length === 0) return nothing(world, options['plan'] === true);
    if (options['pull'] === true) await world.images.refreshBases(selection.wanted);
    if (options['list'] === true) return list(world, selection);
    const use = options['pullCache'] === true ? 'pull' : options['fromRegistry'] === true ? 'leave' : undefined;
    const settings = { anew, ...(use === undefined ? {} : { registry: { use, registry: await registry() } as const }) };
    if (options['plan'] === true) {
      const elsewhere = settings.registry === undefined || anew ? undefined : actions(await fromRegistry(world, selection, { ...settings.registry, dryRun: true }));
      return plan(await planImages(world, selection, { anew, ...(elsewhere === undefined ? {} : { elsewhere }) }));
    }
    const { images: made, problems } = await makeImages(world, selection, settings);
    return { data: { images: made }, lines: options.quiet ? made.map(({ id, tags }) => tags[0] ?? (id as string)) : [], problems };
  }, { tagged: true });

function nothing({ emit }: World, planned: boolean): Outcome {
  emit({ type: 'step', subject: 'images', message: 'nothing that was asked for has changed' });
  return { data: planned ? { plan: [] } : { images: [] } };
}

function actions({ there, pulled }: FromRegistry): ReadonlyMap<string, 'pull' | 'in-registry'> {
  return new Map([...there.map(({ name }) => [name, 'in-registry'] as const), ...[...pulled].map((name) => [name, 'pull'] as const)]);
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
