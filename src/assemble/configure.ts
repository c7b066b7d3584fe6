import type { Instruction } from '../docker/instruction.js';
import { compare } from '../core/record.js';
import { envAssignments } from '../docker/variables.js';
import { plainList, quotedList } from './go-format.js';
import { describeHealthcheck, readHealthcheck } from './healthcheck.js';
import type { ImageConfig } from './image-config.js';
import { exposedPorts } from './port-specs.js';
import { Refusal } from './refusal.js';
import type { Scope } from './scope.js';
import { checkSignal } from './signal.js';

/** Carries out an instruction that changes the configuration only; its line of history, undefined if it leaves none. */
export function configure(instruction: Instruction, config: ImageConfig, scope: Scope): string | undefined {
  const { keyword } = instruction;
  const change = CHANGES[keyword];
  if (change === undefined) throw new Error(`${keyword} is no instruction for the configuration alone`);
  const told = change(instruction, config, scope);
  return told === undefined ? undefined : `${keyword} ${told}`;
}

type Change = (instruction: Instruction, config: ImageConfig, scope: Scope) => string | undefined;

const CHANGES: Readonly<Record<string, Change>> = {
  ARG: (instruction, _config, scope) =>
    scope.declare(instruction).map(({ name, value }) => (value === undefined ? name : `${name}=${value}`)).join(' '),

  ENV: (instruction, config, scope) => {
    const pairs = namedValues(instruction, scope);
    for (const { name, value } of pairs) {
      scope.set(name, value);
      config.setEnv(name, value);
    }
    return pairs.map(({ name, value }) => `${name}=${value}`).join(' ');
  },

  LABEL: (instruction, config, scope) => {
    const pairs = namedValues(instruction, scope);
    for (const { name, value } of pairs) config.labels.set(name, value);
    return pairs.map(({ name, value }) => `${name}=${value}`).join(' ');
  },

  MAINTAINER: ({ text }, config) => (config.author = text),

  CMD: (instruction, config) => {
    const command = commandOf(instruction, config);
    config.cmd = command;
    config.argsEscaped = true;
    config.cmdSet = true;
    return quotedList(command);
  },

  ENTRYPOINT: (instruction, config) => {
    const command = commandOf(instruction, config);
    config.entrypoint = command;
    if (!config.cmdSet) config.cmd = undefined;
    return quotedList(command);
  },

  SHELL: ({ words }, config) => {
    const shell = words.map((word) => word.text);
    if (shell.length === 0) throw new Refusal('SHELL needs at least one argument');
    config.shell = shell;
    return plainList(shell);
  },

  USER: ({ text }, config, scope) => (config.user = scope.expand(text)),

  EXPOSE: ({ words }, config, scope) => {
    const written = words.map(({ text }) => text).sort(compare);
    const ports = written.flatMap((text) => scope.expand(text).split(/\s+/).filter((spec) => spec !== '')).flatMap(exposedPorts);
    for (const port of ports) config.ports.add(port);
    return plainList(ports);
  },

  VOLUME: ({ words }, config, scope) => {
    const volumes = words.map(({ text }) => scope.expand(text.trim()));
    for (const volume of volumes) {
      if (volume === '') throw new Refusal('VOLUME names an empty path');
      config.volumes.add(volume);
    }
    return plainList(volumes);
  },

  STOPSIGNAL: ({ text }, config, scope) => {
    const signal = scope.expand(text);
    checkSignal(signal);
    config.stopSignal = signal;
    return signal;
  },

  HEALTHCHECK: (instruction, config) => {
    const check = readHealthcheck(instruction);
    config.healthcheck = check;
    return describeHealthcheck(check);
  },

  ONBUILD: (instruction, config) => {
    config.onBuild.push([instruction.text, ...instruction.heredocs.map(({ content, name }) => `${content}${name}`)].join('\n'));
    return undefined;
  },
};

/** What ENV or LABEL sets. All values are those from before the instruction. */
function namedValues(instruction: Instruction, scope: Scope): { readonly name: string; readonly value: string }[] {
  return envAssignments(instruction).map(({ name, value }) => {
    if (name === '') throw new Refusal(`${instruction.keyword} has a value without a name`);
    return { name: scope.expand(name), value: scope.expand(value ?? '') };
  });
}

function commandOf({ json, words, text }: Instruction, config: ImageConfig): string[] {
  return json ? words.map((word) => word.text) : config.inShell(text);
}
