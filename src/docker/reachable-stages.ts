import { Failed } from '../core/failure.js';
import type { Dockerfile, Stage } from './dockerfile.js';

/** What a stage needs of its Dockerfile's other stages. */
export interface StageNeeds {
  readonly stage: Stage;
  readonly base: { readonly kind: 'stage'; readonly index: number } | { readonly kind: 'scratch' | 'image' };
  /** Indexes of the stages that it copies from or mounts. */
  readonly uses: readonly number[];
}

/** Indexes of the stages that the target needs, its own among them. Throws Failed (reason `dockerfile`) where stages need each other. */
export function reachableStages(stages: readonly StageNeeds[], target: number, source: Dockerfile['source']): Set<number> {
  const reached = new Set<number>();
  const open: number[] = [];
  const visit = (index: number): void => {
    const { base, uses, stage } = stages[index]!;
    if (open.includes(index)) {
      throw new Failed({
        reason: 'dockerfile',
        message: `the stages ${[...open.slice(open.indexOf(index)), index].map((at) => stages[at]!.stage.name ?? at).join(' → ')} need each other`,
        place: source.place(stage.from.start),
        advice: 'a stage can use only stages that do not need it',
      });
    }
    if (reached.has(index)) return;
    reached.add(index);
    open.push(index);
    for (const next of [...(base.kind === 'stage' ? [base.index] : []), ...uses]) visit(next);
    open.pop();
  };
  visit(target);
  return reached;
}
