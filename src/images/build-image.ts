import { tarOf } from '../archive/pack-tar.js';
import { Failed, fail } from '../core/failure.js';
import type { Emit } from '../core/events.js';
import type { ImageId } from '../core/identity.js';
import { needsBuildkit } from '../docker/buildkit-needs.js';
import type { Engine } from '../engine/engine.js';
import { buildFailure } from './build-failure.js';
import { contextItems, dockerfilePlace, type ContextInputs } from './context-items.js';
import type { ImageNode } from './node.js';

export interface BuildImageOptions {
  readonly engine: Engine;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly context: ContextInputs;
  /** The reference that the image gets at once. */
  readonly tag: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Without the engine's build cache. */
  readonly noCache?: boolean;
}

/** Builds one image with the engine. Fails `build` with the step's place in the Dockerfile. */
export async function buildImage(node: ImageNode, options: BuildImageOptions): Promise<ImageId> {
  const { engine, emit, signal, context, tag, labels, noCache = false } = options;
  const { spec, resolved } = node;
  const backend = await chooseBackend(node, engine);
  let step = 0;
  try {
    return await engine.build({
      context: tarOf(contextItems({ ...context, ignoreFile: backend === 'classic' })),
      dockerfile: dockerfilePlace(context).path,
      tags: [tag],
      labels,
      buildArgs: { ...predefined(spec.args), ...resolved.usedArgs },
      ...(spec.network === undefined ? {} : { network: spec.network }),
      ...(spec.platform === undefined ? {} : { platform: spec.platform }),
      ...(spec.cacheFrom.length === 0 ? {} : { cacheFrom: spec.cacheFrom }),
      ...(noCache ? { noCache } : {}),
      backend,
      onLine: (line) => {
        step = Number(/^Step (\d+)\/\d+ : /.exec(line)?.[1] ?? step);
        emit({ type: 'log', subject: spec.name, line });
      },
      signal,
    });
  } catch (error) {
    if (!(error instanceof Failed) || error.has('interrupted')) throw error;
    throw new Failed(error.problems.map((problem) => buildFailure(problem, node, step)), { cause: error });
  }
}

async function chooseBackend(node: ImageNode, engine: Engine): Promise<'classic' | 'buildkit'> {
  const { spec, resolved } = node;
  const setting = Object.keys(spec.secrets).length > 0 ? 'a secret' : spec.ssh.length > 0 ? 'ssh' : undefined;
  if (setting !== undefined) {
    return fail({ reason: 'unsupported', message: `the image "${spec.name}" uses ${setting}, which builds can't hand on yet`, place: spec.place });
  }
  const need = needsBuildkit(resolved);
  if (need === undefined) return 'classic';
  if ((await engine.info()).buildkit) return 'buildkit';
  return fail({
    reason: 'unsupported',
    message: `the image "${spec.name}" uses ${need}, which only BuildKit can build, and this engine has none`,
    place: resolved.dockerfile.source.place(resolved.dockerfile.stages[0]!.from.start),
  });
}

const PREDEFINED = /^(?:(?:HTTPS?|FTP|NO|ALL)_PROXY|(?:https?|ftp|no|all)_proxy)$/;

/** Build args that need no ARG and leave no trace in the image. */
function predefined(args: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(args).filter(([name]) => PREDEFINED.test(name)));
}
