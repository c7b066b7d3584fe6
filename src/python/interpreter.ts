import type { BuilderFacts, PythonFacts } from '../builders/builder.js';
import { fail } from '../core/failure.js';
import type { Data } from '../core/record.js';
import { hashRecord } from '../core/record.js';
import type { Target } from './choose-file.js';
import { compatibleTags } from './tags.js';

/** The builder's interpreter, and what of it goes into keys. */
export interface Interpreter extends Target {
  readonly facts: PythonFacts;
  /** As in key records. */
  readonly record: { readonly [field: string]: Data };
  /** Of the supported tags: part of what a pin resolves to. */
  readonly tagsDigest: string;
}

/** Fails (`unsupported`) where the builder has no Python. */
export function interpreterOf(facts: BuilderFacts, builder: string): Interpreter {
  const { python } = facts;
  if (python === undefined) {
    return fail({ reason: 'unsupported', message: `the builder ${builder} has no python3`, advice: 'install python3 (3.8 or newer) in the builder image' });
  }
  const tags = python.tags ?? compatibleTags({ machine: facts.machine, libc: facts.libc, python });
  return {
    facts: python,
    tags: new Map(tags.map((tag, rank) => [tag, rank])),
    pythonVersion: python.version,
    tagsDigest: hashRecord<string>(tags),
    record: {
      implementation: python.implementation,
      // In full: the standard library's own version shows in compiled wheels and in pyvenv.cfg.
      version: python.version,
      soabi: python.soabi,
      magic: python.magic,
      executable: python.executable,
    },
  };
}
