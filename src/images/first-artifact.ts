import type { Artifact } from '../artifact/artifact.js';
import type { Tree } from '../assemble/tree.js';
import { artifactTree } from './artifact-tree.js';
import type { ParentImage } from './assemble-image.js';
import { assemblyContext } from './assembly-context.js';
import type { ContextInputs } from './context-items.js';
import { targetOf, type ImageNode } from './node.js';

/** The artifact whose layers lie right on the parent's, and the file system below them. */
export interface FirstArtifact {
  readonly name: string;
  readonly below: Tree;
}

export interface FirstArtifactOptions {
  readonly parent: Pick<ParentImage, 'config' | 'tree'>;
  /** Artifacts may be without parts: what they are does not matter. */
  readonly context: ContextInputs;
}

/** Looks no further than the first files that are brought. Undefined if these are no artifact's, or other layers come before. */
export async function firstArtifact({ spec, resolved, platform }: ImageNode, { parent, context }: FirstArtifactOptions): Promise<FirstArtifact | undefined> {
  const target = targetOf({ resolved });
  const { instructions } = target.stage;
  const first = instructions.findIndex(({ keyword }) => keyword === 'COPY' || keyword === 'ADD');
  if (instructions[first]?.keyword !== 'ADD') return undefined;
  const cut = { ...target, stage: { ...target.stage, instructions: instructions.slice(0, first + 1) } };
  const { assembleStage } = await import('../assemble/assemble-stage.js');
  const { steps } = await assembleStage({
    resolved: { ...resolved, stages: resolved.stages.map((stage) => (stage === target ? cut : stage)) },
    parent,
    context: assemblyContext(context),
    from: () => Promise.reject(new Error('ADD takes nothing from other images')),
    args: spec.args,
    platform,
    labels: {},
    created: '',
    artifactTree: async (name) => artifactTree(context.artifacts.get(name) as Artifact, context.store),
  });
  const layer = steps.find((step) => step.layer !== undefined)?.layer;
  return layer?.kind === 'artifact' ? layer : undefined;
}
