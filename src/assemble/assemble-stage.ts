import { Failed } from '../core/failure.js';
import type { Instruction } from '../docker/instruction.js';
import type { AssembleInputs, Assembled, Step } from './assemble.js';
import { configure } from './configure.js';
import { copyStep } from './copy-step.js';
import { ImageConfig } from './image-config.js';
import { makeWorkdir, workdirOf } from './make-workdir.js';
import { NotThin } from './not-thin.js';
import { BuilderOnly, Refusal } from './refusal.js';
import { inheritedInstructions, Scope } from './scope.js';
import { StageFiles } from './stage-files.js';

/**
 * Carries out a thin stage on its parent. Nothing is read of files that are copied until their layer is written. Throws
 * NotThin where it shows that only a builder can, and Failed (reason `build`) where a build would fail.
 */
export async function assembleStage(inputs: AssembleInputs): Promise<Assembled> {
  const { resolved, parent } = inputs;
  const { stage, base } = resolved.stages[resolved.target]!;
  const { source } = resolved.dockerfile;
  if ((parent.config.config.OnBuild ?? []).length > 0 && base.kind !== 'scratch') throw new NotThin("the parent's ONBUILD", source.place(stage.base.start));
  const config = new ImageConfig(parent.config);
  const scope = new Scope(inputs);
  const files = new StageFiles(parent.tree);
  const begin = () => {
    scope.inherit(config.env);
    // ARGs hold on in stages that are FROM this one, as far as the image's environment does not say otherwise.
    for (const instruction of inheritedInstructions(resolved)) scope.rerun(instruction);
    scope.inherit(config.env);
    // What is FROM nothing works in its root.
    if (config.workingDir !== '') config.workingDir = workdirOf(config.workingDir, '/');
    else if (base.kind === 'scratch') config.workingDir = '/';
  };
  await located(stage.from, async () => begin());
  const steps: Step[] = [];
  for (const instruction of stage.instructions) {
    steps.push(...(await located(instruction, () => carryOut(instruction))));
  }
  for (const [name, value] of Object.entries(inputs.labels)) config.labels.set(name, value);
  return { config: config.finished(inputs.created), steps, tree: files };

  async function carryOut(instruction: Instruction): Promise<Step[]> {
    switch (instruction.keyword) {
      case 'COPY':
      case 'ADD':
        return copyStep(instruction, { files, scope, workdir: config.workingDir, inputs });
      case 'WORKDIR': {
        config.workingDir = workdirOf(scope.expand(instruction.text), config.workingDir);
        await makeWorkdir(files, config.workingDir, config.user);
        const layer = await files.finish();
        return [{ createdBy: `WORKDIR ${config.workingDir}`, ...(layer === undefined ? {} : { layer }) }];
      }
      default: {
        const createdBy = configure(instruction, config, scope);
        return createdBy === undefined ? [] : [{ createdBy }];
      }
    }
  }

  /** Gives what goes wrong its place. */
  async function located<T>(instruction: Instruction, work: () => Promise<T>): Promise<T> {
    const place = source.place(instruction.start);
    try {
      return await work();
    } catch (error) {
      if (error instanceof BuilderOnly) throw new NotThin(error.message, place);
      if (!(error instanceof Refusal)) throw error;
      throw new Failed({ reason: 'build', message: error.message, place, ...(error.advice === undefined ? {} : { advice: error.advice }) }, { cause: error });
    }
  }
}
