import type { BuilderSettings, NetworkSettings } from '../config/project.js';
import type { ContainerSpec, Mount } from '../engine/engine.js';
import { builderEnvironment } from './environment.js';
import { INSIDE } from './inside.js';

export interface BuilderContainer {
  readonly image: string;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly settings: BuilderSettings;
  readonly network: NetworkSettings;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
}

/**
 * The container that serves a whole run. Its first process reads its standard input, to which our process holds the only
 * connection: when we end, however that happens, the engine closes it, and the container ends and is removed by itself.
 */
export function builderContainer({ image, user, settings, network, labels, mounts }: BuilderContainer): ContainerSpec {
  return {
    image,
    entrypoint: ['/bin/sh', '-c', 'while read -r line; do :; done'],
    command: [],
    user: `${user.uid}:${user.gid}`,
    env: builderEnvironment(network),
    workingDir: INSIDE.work,
    labels,
    mounts,
    network: settings.network,
    openStdin: true,
    init: true,
    autoRemove: true,
    dropCapabilities: true,
    noNewPrivileges: true,
    ...(settings.memory === undefined ? {} : { memory: settings.memory }),
    ...(settings.cpus === undefined ? {} : { cpus: settings.cpus }),
  };
}
