import type { KeyRecord } from '../artifact/kind.js';
import type { CommandSpec } from '../config/project.js';
import type { BuilderKey, RequirementHash } from '../core/identity.js';
import type { Input } from './inputs.js';

/** What a command's requirement hash is made of. */
export function commandRecord(spec: CommandSpec, facts: CommandFacts): KeyRecord {
  return {
    format: 2,
    kind: 'command',
    // The recipe that runs it: another compiler, another result.
    builder: facts.builderKey,
    // What it runs and what it is asked to leave behind.
    run: spec.run,
    output: spec.output,
    // Where the output lands in images: the composed paths depend on it.
    prefix: spec.prefix,
    // Every file it can see; a map, so that `why` names the file.
    inputs: Object.fromEntries(facts.inputs.map(({ path, content }) => [path, content])),
    // Artifacts it can see, by their own hashes.
    needs: Object.fromEntries(facts.needs),
    // Which host variables it may read. Their values are not content: they are credentials more often than not.
    env: [...facts.env],
  };
}

export interface CommandFacts {
  readonly builderKey: BuilderKey;
  readonly inputs: readonly Input[];
  readonly needs: ReadonlyMap<string, RequirementHash>;
  /** Names, sorted. */
  readonly env: readonly string[];
}
