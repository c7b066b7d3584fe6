import { expand, ExpansionError } from '../docker/expansion.js';
import type { Instruction } from '../docker/instruction.js';
import type { Resolved } from '../docker/resolve.js';
import { argAssignments, envAssignments, platformVariables } from '../docker/variables.js';
import { Refusal } from './refusal.js';

/** The variables of a stage at some point. ARG and ENV write to the same names, and the last one counts. */
export class Scope {
  readonly #values = new Map<string, string>();
  readonly #globals = new Map<string, string>();
  readonly #given: Readonly<Record<string, string>>;
  readonly #escape: '\\' | '`';

  constructor({ resolved, args, platform }: { readonly resolved: Resolved; readonly args: Readonly<Record<string, string>>; readonly platform: string }) {
    this.#given = args;
    this.#escape = resolved.dockerfile.directives.escape;
    for (const [name, value] of Object.entries(platformVariables(platform, platform))) this.#globals.set(name, value);
    for (const instruction of resolved.dockerfile.globalArgs) {
      for (const { name, value } of argAssignments(instruction)) {
        const given = own(args, name) ?? (value === undefined ? undefined : this.#expanded(value, this.#globals));
        if (given !== undefined) this.#globals.set(name, given);
      }
    }
  }

  /** The environment of the image that the stage is FROM. */
  inherit(env: readonly string[]): void {
    for (const entry of env) {
      const equals = entry.indexOf('=');
      if (equals > 0) this.set(entry.slice(0, equals), entry.slice(equals + 1));
    }
  }

  /** Carries out what an instruction of an earlier stage does to variables. */
  rerun(instruction: Instruction): void {
    if (instruction.keyword === 'ARG') this.declare(instruction);
    if (instruction.keyword !== 'ENV') return;
    const values = envAssignments(instruction).map(({ name, value }) => [this.expand(name), this.expand(value ?? '')] as const);
    for (const [name, value] of values) this.set(name, value);
  }

  set(name: string, value: string): void {
    this.#values.set(name, value);
  }

  /** Carries out an ARG; what it declared, with the values that hold. */
  declare(instruction: Instruction): { readonly name: string; readonly value?: string }[] {
    const written = argAssignments(instruction).map(({ name, value }) => ({ name: this.expand(name), value: value === undefined ? undefined : this.expand(value) }));
    return written.map(({ name, value: byDefault }) => {
      const value = own(this.#given, name) ?? byDefault ?? this.#globals.get(name);
      if (value === undefined) return { name };
      this.set(name, value);
      return { name, value };
    });
  }

  expand(word: string): string {
    return this.#expanded(word, this.#values);
  }

  /** Variables of a text in which quotes are ordinary characters. */
  expandText(text: string): string {
    return this.#guarded(text, () => expand(text, (name) => this.#values.get(name), '\\', { quotes: 'keep' }).text);
  }

  #expanded(word: string, values: ReadonlyMap<string, string>): string {
    return this.#guarded(word, () => expand(word, (name) => values.get(name), this.#escape).text);
  }

  #guarded(word: string, work: () => string): string {
    try {
      return work();
    } catch (error) {
      if (error instanceof ExpansionError) throw new Refusal(`"${word}": ${error.message}`);
      throw error;
    }
  }
}

/** The instructions of the stages that the target is FROM, outermost first. */
export function inheritedInstructions({ stages, target }: Resolved): Instruction[] {
  const found: Instruction[] = [];
  for (let { base } = stages[target]!; base.kind === 'stage'; base = stages[base.index]!.base) {
    found.unshift(...stages[base.index]!.stage.instructions);
  }
  return found;
}

function own(record: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
