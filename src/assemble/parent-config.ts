import type { ImageDetails, ImageStep } from '../engine/engine.js';
import type { History, OciConfig, RunConfig } from './oci-config.js';

/** What an image that is FROM nothing starts with. */
export function scratchConfig(platform: string): OciConfig {
  const [os = 'linux', architecture = 'amd64', variant] = platform.split('/');
  return { architecture, os, ...(variant === undefined ? {} : { variant }), config: {}, rootfs: { type: 'layers', diff_ids: [] }, history: [] };
}

/** The configuration of an image that the engine has. */
export function parentConfig({ architecture, os, variant, author, created, config, layers, history }: ImageDetails): OciConfig {
  return {
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    ...(author === undefined ? {} : { author }),
    ...(created === undefined ? {} : { created }),
    config: runConfig(config),
    rootfs: { type: 'layers', diff_ids: layers },
    history: historyOf(history, layers.length),
  };
}

const KNOWN: Readonly<Record<keyof RunConfig, true>> = {
  User: true, ExposedPorts: true, Env: true, Entrypoint: true, Cmd: true, Volumes: true, WorkingDir: true, Labels: true,
  StopSignal: true, Shell: true, Healthcheck: true, OnBuild: true, ArgsEscaped: true,
};

/** The members of the OCI image spec and Docker's own; what belongs to a container (Hostname, Tty …) and what says nothing is left out. */
function runConfig(config: ImageDetails['config']): RunConfig {
  const given = Object.entries(config).filter(([name, value]) => name in KNOWN && !saysNothing(value));
  return Object.fromEntries(given) as RunConfig;
}

function saysNothing(value: unknown): boolean {
  return value === null || value === '' || value === false || (Array.isArray(value) && value.length === 0);
}

/**
 * History as it is in a configuration. Engines do not tell which steps have no layer: those that added bytes have one, and
 * of the others as many, the likeliest first, as there are layers left.
 */
function historyOf(steps: readonly ImageStep[], layers: number): History[] {
  const ranked = steps.map((step, index) => ({ index, rank: rankOf(step) })).sort((a, b) => b.rank - a.rank || a.index - b.index);
  const withLayer = new Set(ranked.slice(0, layers).map(({ index }) => index));
  return steps.map(({ created, createdBy, comment }, index) => ({
    created,
    created_by: createdBy,
    ...(comment === '' ? {} : { comment }),
    ...(withLayer.has(index) ? {} : { empty_layer: true }),
  }));
}

const WRITES = /^(?:\/bin\/sh -c #\(nop\) +)?(?:COPY|ADD|WORKDIR)\b|^(?:RUN\b|\/bin\/sh -c (?!#\(nop\)))/;

function rankOf({ size, createdBy }: ImageStep): number {
  return size > 0 ? 2 : WRITES.test(createdBy) ? 1 : 0;
}
