import { Failed, type Problem } from '../core/failure.js';
import { readDirectives, type Directives } from './directives.js';
import type { Heredoc, HeredocStart } from './heredoc.js';
import type { Instruction, Word } from './instruction.js';
import { LineReader, withoutLineEnd, type LogicalLine } from './logical-line.js';
import { parseLine, type ParsedLine } from './parse-instruction.js';
import { SourceText } from './source-text.js';

/** A Dockerfile's syntax; what variables and stages mean is in `resolve.ts`. */
export interface Dockerfile {
  readonly source: SourceText;
  readonly directives: Directives;
  /** ARG instructions before the first FROM. */
  readonly globalArgs: readonly Instruction[];
  /** At least one. */
  readonly stages: readonly Stage[];
}

export interface Stage {
  readonly index: number;
  /** Lower case, from `AS name`. */
  readonly name?: string;
  readonly from: Instruction;
  /** The image or stage behind FROM, as written. */
  readonly base: Word;
  /** All behind FROM. */
  readonly instructions: readonly Instruction[];
}

/** Reads a Dockerfile. Throws Failed (reason `dockerfile`) with every problem that was found, each with its place. */
export function parseDockerfile(text: string, file: string): Dockerfile {
  const source = new SourceText(file, text);
  const directives = readDirectives(source);
  const problems: Problem[] = [];
  const instructions = readInstructions(source, directives, problems);
  const globalArgs: Instruction[] = [];
  const stages: (Stage & { instructions: Instruction[] })[] = [];
  for (const instruction of instructions) {
    const problem = shapeProblem(instruction, source);
    if (problem !== undefined) problems.push(problem);
    else if (instruction.keyword === 'FROM') stages.push(newStage(instruction, stages.length));
    else if (stages.length > 0) stages.at(-1)!.instructions.push(instruction);
    else if (instruction.keyword === 'ARG') globalArgs.push(instruction);
    else problems.push({ reason: 'dockerfile', message: `${instruction.keyword} stands before the first FROM`, place: source.place(instruction.start), advice: 'only ARG may stand there: move it behind a FROM' });
  }
  problems.push(...duplicateStages(stages, source));
  if (problems.length > 0) throw new Failed(problems);
  if (stages.length === 0) {
    throw new Failed({ reason: 'dockerfile', message: 'the Dockerfile has no FROM', place: { file, line: 1, column: 1 }, advice: `begin with an image: ${EXAMPLES['FROM']}` });
  }
  return { source, directives, globalArgs, stages };
}

function readInstructions(source: SourceText, directives: Directives, problems: Problem[]): Instruction[] {
  const reader = new LineReader(source, directives);
  const instructions: Instruction[] = [];
  for (let line = reader.logicalLine(); line !== undefined; line = reader.logicalLine()) {
    try {
      const parsed = parseLine(line, source, directives.escape);
      instructions.push(withHeredocs(parsed, readHeredocs(parsed.heredocs, { reader, line, source })));
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      problems.push(...error.problems);
    }
  }
  return instructions;
}

function withHeredocs(parsed: ParsedLine, heredocs: readonly Heredoc[]): Instruction {
  const { trigger, ...rest } = parsed;
  return trigger === undefined ? { ...rest, heredocs } : { ...rest, heredocs, trigger: withHeredocs(trigger, heredocs) };
}

function readHeredocs(
  starts: readonly HeredocStart[],
  { reader, line, source }: { reader: LineReader; line: LogicalLine; source: SourceText },
): Heredoc[] {
  return starts.map((start) => {
    let content = '';
    for (let raw = reader.rawLine(); raw !== undefined; raw = reader.rawLine()) {
      const bare = withoutLineEnd(raw.text);
      if ((start.chomp ? bare.replace(/^\t+/, '') : bare) === start.name) return { ...start, content };
      content += raw.text;
    }
    const place = source.place(line.sourceOffset(0));
    throw new Failed({ reason: 'dockerfile', message: `the here-document ${start.name} is not closed`, place, advice: `end it with a line that holds ${start.name} and nothing else` });
  });
}

function newStage(from: Instruction, index: number): Stage & { instructions: Instruction[] } {
  const name = from.words[2]?.text.toLowerCase();
  return { index, ...(name === undefined ? {} : { name }), from, base: from.words[0]!, instructions: [] };
}

/** How the instructions are written that need arguments. */
const EXAMPLES: Readonly<Record<string, string>> = {
  ADD: 'ADD a.tar /app/',
  ARG: 'ARG VERSION=1',
  CMD: 'CMD ["program"]',
  COPY: 'COPY a.txt /app/',
  ENTRYPOINT: 'ENTRYPOINT ["program"]',
  ENV: 'ENV NAME=value',
  EXPOSE: 'EXPOSE 8000',
  FROM: 'FROM debian:trixie-slim AS build',
  HEALTHCHECK: 'HEALTHCHECK CMD program --check',
  LABEL: 'LABEL name=value',
  MAINTAINER: 'LABEL org.opencontainers.image.authors=name',
  SHELL: 'SHELL ["/bin/bash", "-c"]',
  STOPSIGNAL: 'STOPSIGNAL SIGTERM',
  USER: 'USER app',
  VOLUME: 'VOLUME /data',
  WORKDIR: 'WORKDIR /app',
};

/** What is wrong with an instruction's arguments, if anything. */
function shapeProblem(instruction: Instruction, source: SourceText): Problem | undefined {
  const { keyword, words } = instruction;
  const example = EXAMPLES[keyword];
  const usual = example === undefined ? undefined : `write for example ${example}`;
  const problem = (message: string, at: number = instruction.start, advice = usual): Problem => ({
    reason: 'dockerfile',
    message,
    place: source.place(at),
    ...(advice === undefined ? {} : { advice }),
  });
  if (instruction.trigger !== undefined) return shapeProblem(instruction.trigger, source);
  if (words.length === 0 && !(instruction.json || keyword === 'RUN')) return problem(`${keyword} needs an argument`);
  if (keyword === 'FROM') {
    if (words.length !== 1 && (words.length !== 3 || words[1]!.text.toUpperCase() !== 'AS')) {
      return problem('FROM needs an image, or an image, AS and a name');
    }
    const name = words[2];
    if (name !== undefined && !/^[a-z][a-z0-9_.-]*$/i.test(name.text)) {
      return problem(`"${name.text}" can't be the name of a stage`, name.start, 'use letters, digits, - _ and . only, beginning with a letter');
    }
  }
  if ((keyword === 'COPY' || keyword === 'ADD') && words.length < 2) {
    return problem(`${keyword} needs a source and a destination`);
  }
  if (keyword === 'ENV' && words.length === 1 && !words[0]!.text.includes('=')) return problem('ENV needs a value');
  if (keyword === 'ENV' && words[0]!.text.includes('=')) {
    const bare = words.find((word) => !word.text.includes('='));
    if (bare !== undefined) return problem(`ENV has "${bare.text}" without a =`, bare.start);
  }
  if (keyword === 'SHELL' && !instruction.json) return problem('SHELL needs the JSON form');
  return undefined;
}

function duplicateStages(stages: readonly Stage[], source: SourceText): Problem[] {
  const first = new Map<string, Stage>();
  return stages.flatMap((stage): Problem[] => {
    if (stage.name === undefined) return [];
    const earlier = first.get(stage.name);
    if (earlier === undefined) {
      first.set(stage.name, stage);
      return [];
    }
    return [
      {
        reason: 'dockerfile',
        message: `two stages are named "${stage.name}"`,
        place: source.place(stage.from.words[2]!.start),
        related: { message: 'the first is here', place: source.place(earlier.from.words[2]!.start) },
        advice: 'give one of them another name',
      },
    ];
  });
}
