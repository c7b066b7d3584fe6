import { Failed, type Problem } from '../core/failure.js';
import type { Place } from '../core/place.js';
import { nearest } from '../util/nearest.js';
import type { Dockerfile, Stage } from './dockerfile.js';
import { expand, ExpansionError, UNKNOWN } from './expansion.js';
import type { Flag, Instruction, Range } from './instruction.js';
import { parseMount } from './mount.js';
import { reachableStages } from './reachable-stages.js';
import { argAssignments, envAssignments, platformVariables } from './variables.js';

export interface ResolveOptions {
  readonly args?: Readonly<Record<string, string>>;
  /** Name or number of the stage to build; default the last. */
  readonly target?: string;
  /** `linux/amd64`; for the automatic platform variables. */
  readonly platform?: string;
}

/** A Dockerfile with its variables filled in and its stages tied together, for one target. */
export interface Resolved {
  readonly dockerfile: Dockerfile;
  /** Index of the stage that is built. */
  readonly target: number;
  readonly stages: readonly ResolvedStage[];
  /** The given build args that the Dockerfile declares; no others can change the image. */
  readonly usedArgs: Readonly<Record<string, string>>;
}

export interface ResolvedStage {
  readonly stage: Stage;
  /** The target needs it. */
  readonly reachable: boolean;
  readonly base: StageBase;
  /** Images that COPY --from and RUN --mount=from name. */
  readonly references: readonly ImageUse[];
  /** Indexes of the stages that it copies from or mounts. */
  readonly uses: readonly number[];
  /** What its COPY, ADD and RUN --mount reach in the context. */
  readonly sources: readonly ContextSource[];
}

export type StageBase =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'stage'; readonly index: number }
  | ({ readonly kind: 'image' } & ImageUse);

/** An image's name in a Dockerfile, variables filled in; `range` is where it is written. */
export interface ImageUse {
  readonly reference: string;
  readonly place: Place;
  readonly range: Range;
}

export interface ContextSource {
  /** Path or pattern in the context, variables filled in; undefined if only the engine can tell: take it all. */
  readonly pattern: string | undefined;
  /** The folders above it count too (COPY --parents). */
  readonly parents: boolean;
  readonly place: Place;
}

/** Throws Failed (reason `dockerfile`) with every problem found. */
export function resolveDockerfile(dockerfile: Dockerfile, options: ResolveOptions = {}): Resolved {
  return new Resolver(dockerfile, options).resolve();
}

/** Every image reference that a build of the target needs: FROM, COPY --from and RUN --mount=from, not stages. */
export function parents(resolved: Resolved): ImageUse[] {
  return resolved.stages
    .filter((stage) => stage.reachable)
    .flatMap(({ base, references }) => [...(base.kind === 'image' ? [base] : []), ...references]);
}

/** What a build of the target can reach in the context. */
export function contextSources(resolved: Resolved): ContextSource[] {
  return resolved.stages.filter((stage) => stage.reachable).flatMap((stage) => stage.sources);
}

/** Variables as they stand at some point of a stage. */
interface Scope {
  readonly env: Map<string, string | typeof UNKNOWN>;
  readonly args: Map<string, string | typeof UNKNOWN | undefined>;
  /** The base image may set more. */
  readonly open: boolean;
}

class Resolver {
  readonly #problems: Problem[] = [];
  readonly #globals = new Map<string, string | undefined>();
  readonly #scopes: Scope[] = [];
  readonly #platform: Readonly<Record<string, string>>;

  constructor(
    private readonly dockerfile: Dockerfile,
    private readonly options: ResolveOptions,
  ) {
    const platform = options.platform ?? 'linux/amd64';
    this.#platform = platformVariables(platform, platform);
  }

  resolve(): Resolved {
    this.#readGlobals();
    const stages = this.dockerfile.stages.map((stage) => this.#stage(stage));
    const target = this.#target();
    if (this.#problems.length > 0) throw new Failed(this.#problems);
    const reachable = reachableStages(stages, target, this.dockerfile.source);
    return {
      dockerfile: this.dockerfile,
      target,
      stages: stages.map((stage, index) => ({ ...stage, reachable: reachable.has(index) })),
      usedArgs: this.#usedArgs(reachable),
    };
  }

  #readGlobals(): void {
    for (const instruction of this.dockerfile.globalArgs) {
      for (const { name, value } of argAssignments(instruction)) {
        const given = this.options.args?.[name];
        this.#globals.set(name, given ?? (value === undefined ? this.#platform[name] : this.#global(value, instruction)));
      }
    }
  }

  #global(text: string, instruction: Instruction): string {
    return this.#expand(text, instruction.start, (name) => this.#globals.get(name) ?? this.#platform[name]).text;
  }

  #stage(stage: Stage): Omit<ResolvedStage, 'reachable'> {
    const base = this.#base(stage);
    const scope = this.#openScope(base);
    this.#scopes.push(scope);
    const references: ImageUse[] = [];
    const uses: number[] = [];
    const sources: ContextSource[] = [];
    for (const instruction of stage.instructions) {
      switch (instruction.keyword) {
        case 'ARG':
          this.#declare(instruction, scope);
          break;
        case 'ENV':
          this.#set(instruction, scope);
          break;
        case 'COPY':
        case 'ADD': {
          const from = instruction.flags.find((flag) => flag.name === 'from');
          if (from !== undefined) this.#use(from, from.value ?? '', from.valueRange, { stage, references, uses });
          else sources.push(...this.#copied(instruction, scope));
          break;
        }
        case 'RUN':
          for (const flag of instruction.flags.filter(({ name }) => name === 'mount')) {
            const mount = parseMount(flag);
            if (mount.from !== undefined) this.#use(flag, mount.from.value, mount.from.range, { stage, references, uses });
            else if (mount.type === 'bind') sources.push(this.#source(mount.source ?? '/', instruction, scope));
          }
      }
    }
    return { stage, base, references, uses, sources };
  }

  #base(stage: Stage): StageBase {
    const word = stage.base;
    const reference = this.#global(word.text, { ...stage.from, start: word.start });
    if (reference.toLowerCase() === 'scratch') return { kind: 'scratch' };
    const index = this.dockerfile.stages.findIndex(
      (other) => other.index < stage.index && other.name !== undefined && other.name === reference.toLowerCase(),
    );
    if (index !== -1) return { kind: 'stage', index };
    if (reference === '') {
      const advice = 'give the variable a default in an ARG before the first FROM, or a value as a build arg';
      this.#problem(word.start, `FROM ${word.text} names no image: the variable has no value`, advice);
    }
    return { kind: 'image', ...this.#imageUse(reference, word) };
  }

  #openScope(base: StageBase): Scope {
    if (base.kind !== 'stage') return { env: new Map(), args: new Map(), open: base.kind === 'image' };
    const parent = this.#scopes[base.index]!;
    // ENV is inherited; ARG ends with its stage.
    return { env: new Map(parent.env), args: new Map(), open: parent.open };
  }

  #declare(instruction: Instruction, scope: Scope): void {
    for (const { name, value } of argAssignments(instruction)) {
      const given = this.options.args?.[name];
      if (given !== undefined) scope.args.set(name, given);
      else if (value === undefined) scope.args.set(name, this.#globals.get(name) ?? this.#platform[name]);
      else {
        const { text, known } = this.#inStage(value, instruction, scope);
        scope.args.set(name, known ? text : UNKNOWN);
      }
    }
  }

  #set(instruction: Instruction, scope: Scope): void {
    // All values are those from before the instruction: `ENV a=1 b=$a` does not see the new a.
    const values = envAssignments(instruction).map(({ name, value }) => {
      const { text, known } = this.#inStage(value ?? '', instruction, scope);
      return [name, known ? text : UNKNOWN] as const;
    });
    for (const [name, value] of values) {
      scope.env.set(name, value);
      scope.args.delete(name);
    }
  }

  #inStage(text: string, instruction: Instruction, scope: Scope) {
    return this.#expand(text, instruction.start, (name) => {
      const env = scope.env.get(name);
      const arg = scope.args.get(name);
      // An ARG behind an ENV of its name: BuildKit takes the ARG's value, the classic builder the ENV's.
      if (env !== undefined && arg !== undefined && env !== arg) return UNKNOWN;
      const value = env ?? arg;
      return value === undefined && scope.open ? UNKNOWN : value;
    });
  }

  #expand(text: string, at: number, lookup: (name: string) => string | typeof UNKNOWN | undefined) {
    try {
      return expand(text, lookup, this.dockerfile.directives.escape);
    } catch (error) {
      if (!(error instanceof ExpansionError)) throw error;
      this.#problem(at, `"${text}": ${error.message}`, 'a variable is written $NAME, ${NAME} or ${NAME:-default}; a dollar sign that is none as \\$');
      return { text, known: false };
    }
  }

  #copied(instruction: Instruction, scope: Scope): ContextSource[] {
    const heredocs = instruction.heredocs.length > 0;
    const words = instruction.words.slice(0, -1).filter((word) => !(heredocs && word.text.includes('<<')));
    const parentFolders = instruction.flags.some((flag) => flag.name === 'parents' && flag.value !== 'false');
    return words
      .map((word) => this.#source(word.text, { ...instruction, start: word.start }, scope, parentFolders))
      .filter(({ pattern }) => !(instruction.keyword === 'ADD' && pattern !== undefined && isRemoteSource(pattern)));
  }

  #source(text: string, instruction: Instruction, scope: Scope, parentFolders = false): ContextSource {
    const { text: pattern, known } = this.#inStage(text, instruction, scope);
    const place = this.dockerfile.source.place(instruction.start);
    return { pattern: known ? pattern : undefined, parents: parentFolders, place };
  }

  /** A `from=`: an earlier or later stage by name, a stage by number, or an image. */
  #use(flag: Flag, value: string, range: Range | undefined, into: { stage: Stage; references: ImageUse[]; uses: number[] }): void {
    const { stages } = this.dockerfile;
    if (value === '') return this.#problem(flag.start, `--${flag.name} has an empty from`, 'name a stage or an image behind the =');
    if (value.includes('$')) {
      return this.#problem(flag.start, `from=${value}: variables are not possible here`, 'name a stage of its own: FROM the image AS a name, and copy from that');
    }
    const named = stages.findIndex((stage) => stage.name === value.toLowerCase());
    const index = named === -1 && /^\d+$/.test(value) ? Number(value) : named;
    if (index === into.stage.index) return this.#problem(flag.start, `the stage copies from itself (${value})`, 'copy from another stage, or leave the from away');
    if (index >= stages.length) return this.#problem(flag.start, `there is no stage ${value}`, `stages are counted from 0: the last one is ${stages.length - 1}`);
    if (index >= 0) into.uses.push(index);
    else if (value.toLowerCase() !== 'scratch') into.references.push(this.#imageUse(value, range ?? flag));
  }

  #imageUse(reference: string, { start, end }: Range): ImageUse {
    return { reference, place: this.dockerfile.source.place(start), range: { start, end } };
  }

  #target(): number {
    const { stages, source } = this.dockerfile;
    const { target } = this.options;
    if (target === undefined) return stages.length - 1;
    const named = stages.findIndex((stage) => stage.name === target.toLowerCase());
    if (named !== -1) return named;
    if (/^\d+$/.test(target) && Number(target) < stages.length) return Number(target);
    const near = nearest(target, stages.flatMap(({ name }) => name ?? []));
    this.#problem(stages[0]!.from.start, `${source.file} has no stage "${target}"`, near === undefined ? 'name one of its stages (FROM … AS name), or leave the target away' : `did you mean ${near}?`);
    return 0;
  }

  #usedArgs(reachable: ReadonlySet<number>): Record<string, string> {
    const stages = this.dockerfile.stages.filter(({ index }) => reachable.has(index));
    const declarations = [...this.dockerfile.globalArgs, ...stages.flatMap((stage) => stage.instructions)];
    const names = new Set(
      declarations.filter(({ keyword }) => keyword === 'ARG').flatMap((arg) => argAssignments(arg).map(({ name }) => name)),
    );
    return Object.fromEntries(Object.entries(this.options.args ?? {}).filter(([name]) => names.has(name)));
  }

  #problem(offset: number, message: string, advice?: string): void {
    const place = this.dockerfile.source.place(offset);
    this.#problems.push({ reason: 'dockerfile', message, place, ...(advice === undefined ? {} : { advice }) });
  }
}

/** ADD fetches these itself: URLs and git repositories. */
export function isRemoteSource(source: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(source) || /^git@[^/]+:/.test(source);
}
