import { compare } from '../core/record.js';
import type { Healthcheck, OciConfig, RunConfig } from './oci-config.js';

type StageConfig = Omit<OciConfig, 'rootfs' | 'history'>;

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The configuration of a stage while its instructions change it. */
export class ImageConfig {
  readonly #parent: StageConfig;
  #author: string | undefined;
  readonly env: string[];
  user: string;
  workingDir: string;
  cmd: readonly string[] | undefined;
  entrypoint: readonly string[] | undefined;
  shell: readonly string[] | undefined;
  stopSignal: string | undefined;
  healthcheck: Healthcheck | undefined;
  readonly labels: Map<string, string>;
  readonly volumes: Set<string>;
  readonly ports: Set<string>;
  readonly onBuild: string[] = [];
  argsEscaped: boolean | undefined;
  /** This stage set CMD itself, so that ENTRYPOINT leaves it. */
  cmdSet = false;

  constructor(parent: StageConfig) {
    const { config } = parent;
    this.#parent = parent;
    this.#author = parent.author;
    this.env = [...(config.Env ?? [])];
    this.user = config.User ?? '';
    this.workingDir = config.WorkingDir ?? '';
    this.cmd = config.Cmd;
    this.entrypoint = config.Entrypoint;
    this.shell = config.Shell;
    this.stopSignal = config.StopSignal;
    this.healthcheck = config.Healthcheck;
    this.labels = new Map(Object.entries(config.Labels ?? {}));
    this.volumes = new Set(Object.keys(config.Volumes ?? {}));
    this.ports = new Set(Object.keys(config.ExposedPorts ?? {}));
    this.argsEscaped = config.ArgsEscaped;
    if (!this.env.some((entry) => entry.startsWith('PATH='))) this.env.push(`PATH=${DEFAULT_PATH}`);
  }

  set author(author: string) {
    this.#author = author;
  }

  /** In the place of an older value, else last. */
  setEnv(name: string, value: string): void {
    const at = this.env.findIndex((entry) => entry.startsWith(`${name}=`));
    this.env.splice(at === -1 ? this.env.length : at, 1, `${name}=${value}`);
  }

  /** The shell form of a command. */
  inShell(command: string): string[] {
    return [...(this.shell !== undefined && this.shell.length > 0 ? this.shell : ['/bin/sh', '-c']), command];
  }

  /** With members in one order and maps sorted, so that equal configurations have equal bytes. */
  finished(created: string): StageConfig {
    const { architecture, os, variant } = this.#parent;
    return {
      architecture,
      os,
      ...(variant === undefined ? {} : { variant }),
      ...(this.#author === undefined || this.#author === '' ? {} : { author: this.#author }),
      created,
      config: this.#runConfig(),
    };
  }

  #runConfig(): RunConfig {
    const all = {
      User: this.user,
      ExposedPorts: emptyObjects(this.ports),
      Env: this.env,
      Entrypoint: this.entrypoint,
      Cmd: this.cmd,
      Volumes: emptyObjects(this.volumes),
      WorkingDir: this.workingDir,
      Labels: Object.fromEntries([...this.labels].sort(([a], [b]) => compare(a, b))),
      StopSignal: this.stopSignal,
      Shell: this.shell,
      Healthcheck: this.healthcheck,
      OnBuild: this.onBuild,
      ArgsEscaped: this.argsEscaped,
    };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => !saysNothing(value))) as RunConfig;
  }
}

function emptyObjects(names: ReadonlySet<string>): Record<string, object> {
  return Object.fromEntries([...names].sort(compare).map((name) => [name, {}]));
}

function saysNothing(value: unknown): boolean {
  if (value === undefined || value === '' || value === false) return true;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
