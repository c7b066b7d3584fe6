import { tarOf } from '../archive/pack-tar.js';
import { Failed, fail, type Problem } from '../core/failure.js';
import type { Emit } from '../core/events.js';
import type { ImageId } from '../core/identity.js';
import { isPredefined } from '../docker/build-args.js';
import { needsBuildkit } from '../docker/buildkit-needs.js';
import type { Engine } from '../engine/engine.js';
import type { Mask } from '../util/mask.js';
import { buildFailure } from './build-failure.js';
import type { Answers } from './build-session.js';
import { contextItems, dockerfilePlace, type ContextInputs } from './context-items.js';
import { labelInstruction } from './label-instruction.js';
import type { ImageNode } from './node.js';

export interface BuildImageOptions {
  readonly engine: Engine;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly context: ContextInputs;
  /** The reference that the image gets at once; absent for a stage that others copy from. */
  readonly tag?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What BuildKit may ask for. */
  readonly answers: Answers;
  /** Without the engine's build cache. */
  readonly noCache?: boolean;
}

/** Builds one image with the engine. Fails `build` with the step's place in the Dockerfile. */
export async function buildImage(node: ImageNode, options: BuildImageOptions): Promise<ImageId> {
  const { engine, emit, signal, context, tag, labels, noCache = false, answers: { session, mask, checkAgents } } = options;
  const { spec, resolved } = node;
  const backend = await chooseBackend(node, engine);
  if (backend === 'buildkit') await checkAgents();
  const appended = backend === 'classic' ? labelInstruction(context.dockerfile, labels) : undefined;
  const inputs = { ...context, ignoreFile: backend === 'classic', ...(appended === undefined ? {} : { appended }) };
  let step = 0;
  try {
    return await engine.build({
      context: () => tarOf(contextItems(inputs)),
      dockerfile: dockerfilePlace(inputs).path,
      tags: tag === undefined ? [] : [tag],
      ...(appended === undefined ? { labels } : {}),
      buildArgs: { ...predefined(spec.args), ...resolved.usedArgs },
      ...(spec.network === undefined ? {} : { network: spec.network }),
      ...(spec.platform === undefined ? {} : { platform: spec.platform }),
      ...(spec.cacheFrom.length === 0 ? {} : { cacheFrom: spec.cacheFrom }),
      ...(noCache ? { noCache } : {}),
      backend,
      ...(backend === 'buildkit' ? { session } : {}),
      onLine: (output) => {
        const line = mask(output);
        step = Number(/^Step (\d+)\/\d+ : /.exec(line)?.[1] ?? step);
        emit({ type: 'log', subject: spec.name, line });
      },
      signal,
    });
  } catch (error) {
    if (!(error instanceof Failed) || error.has('interrupted')) throw error;
    throw new Failed(error.problems.map((problem) => buildFailure(masked(problem, mask), node, step)), { cause: error });
  }
}

async function chooseBackend(node: ImageNode, engine: Engine): Promise<'classic' | 'buildkit'> {
  const { spec, resolved } = node;
  const need = needsBuildkit(resolved);
  if (need === undefined) return 'classic';
  if ((await engine.info()).buildkit) return 'buildkit';
  return fail({
    reason: 'unsupported',
    message: `the image "${spec.name}" uses ${need}, which only BuildKit can build, and this engine has none`,
    place: resolved.dockerfile.source.place(resolved.dockerfile.stages[0]!.from.start),
  });
}

function masked(problem: Problem, mask: Mask): Problem {
  const { message, detail } = problem;
  return { ...problem, message: mask(message), ...(detail === undefined ? {} : { detail: detail.map(mask) }) };
}

/** Build args that need no ARG and leave no trace in the image. */
function predefined(args: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(args).filter(([name]) => isPredefined(name)));
}
