import type { PruneStep } from '../../images/prune-plan.js';
import { prune as carryOut, prunePlan, type PruneResult } from '../../run/prune.js';
import { patternOf } from '../../util/pattern.js';
import type { Action } from '../action.js';
import { bytes } from '../render/format.js';
import { withWorld } from '../wire.js';

export const prune: Action = (options) =>
  withWorld(options, async ({ world }) => {
    const patterns = ((options['keep'] as string[] | undefined) ?? []).map(patternOf);
    const steps = await prunePlan(world, { isKept: (tag) => patterns.some((pattern) => pattern.test(tag)) });
    const yes = options['yes'] === true;
    const results = new Map((yes ? await carryOut(world, steps) : []).map((result) => [result.step, result]));
    return {
      data: { done: yes, steps: steps.map((step) => dataOf(step, results.get(step))) },
      lines: [...steps.flatMap((step) => linesOf(step, results.get(step))), summary(steps, yes)],
    };
  });

function dataOf({ action, image, tags, reasons }: PruneStep, result: PruneResult | undefined) {
  const { name, key, id, size } = image;
  return { action, name, key, id, size, tags, kept: image.tags.filter((tag) => !tags.includes(tag)), reasons, ...(result === undefined ? {} : { status: result.status }) };
}

const NOT_DONE = { 'in-use': 'left: a container uses it now', changed: 'left: it was tagged or removed meanwhile' } as const;

function linesOf({ action, image, tags, reasons }: PruneStep, result: PruneResult | undefined): string[] {
  const left = result === undefined || result.status === 'done' ? '' : `  (${NOT_DONE[result.status]})`;
  return [
    `${action.padEnd('remove'.length)}  ${image.name}  ${image.key.slice(0, 12)}  ${bytes(image.size)}${left}`,
    ...(action === 'untag' ? tags.map((tag) => `  - ${tag}`) : []),
    ...reasons.map((reason) => `    ${reason}`),
  ];
}

function summary(steps: readonly PruneStep[], yes: boolean): string {
  const removed = steps.filter(({ action }) => action === 'remove').length;
  const tags = steps.filter(({ action }) => action === 'untag').reduce((sum, step) => sum + step.tags.length, 0);
  if (removed + tags === 0) return 'nothing to remove';
  const what = `${count(removed, 'image')} and ${count(tags, 'tag')} of others`;
  return yes ? `removed ${what}` : `would remove ${what}; --yes does it`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
