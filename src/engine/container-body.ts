import type { ContainerSpec, Mount } from './engine.js';

/** The body of `POST /containers/create`. */
export function containerBody(spec: ContainerSpec): object {
  const ports = spec.ports ?? [];
  const key = (port: (typeof ports)[number]) => `${port.containerPort}/${port.protocol}`;
  return {
    Image: spec.image,
    ...(spec.entrypoint === undefined ? {} : { Entrypoint: spec.entrypoint }),
    ...(spec.command === undefined ? {} : { Cmd: spec.command }),
    ...(spec.user === undefined ? {} : { User: spec.user }),
    Env: environment(spec.env),
    ...(spec.workingDir === undefined ? {} : { WorkingDir: spec.workingDir }),
    Labels: spec.labels ?? {},
    Tty: spec.tty ?? false,
    OpenStdin: spec.openStdin ?? false,
    // One client: when it goes away, the command sees the end of its input.
    StdinOnce: spec.openStdin ?? false,
    AttachStdin: spec.openStdin ?? false,
    ...(spec.stopSignal === undefined ? {} : { StopSignal: spec.stopSignal }),
    ExposedPorts: Object.fromEntries(ports.map((port) => [key(port), {}])),
    HostConfig: {
      Mounts: (spec.mounts ?? []).filter(({ type }) => type !== 'tmpfs').map(mountBody),
      Tmpfs: Object.fromEntries((spec.mounts ?? []).filter(({ type }) => type === 'tmpfs').map((mount) => [mount.target, mount.options ?? ''])),
      PortBindings: groupBindings(ports.map((port) => [key(port), { HostIp: port.hostIp, HostPort: String(port.hostPort) }])),
      ...(spec.network === undefined ? {} : { NetworkMode: spec.network }),
      ExtraHosts: spec.extraHosts ?? [],
      CapDrop: spec.dropCapabilities === true ? ['ALL'] : [],
      SecurityOpt: spec.noNewPrivileges === true ? ['no-new-privileges'] : [],
      Init: spec.init ?? false,
      AutoRemove: spec.autoRemove ?? false,
      // No swap beyond the limit: a build that needs more fails at once instead of crawling.
      ...(spec.memory === undefined ? {} : { Memory: spec.memory, MemorySwap: spec.memory }),
      ...(spec.cpus === undefined ? {} : { NanoCpus: Math.round(spec.cpus * 1e9) }),
    },
  };
}

export function environment(env: Readonly<Record<string, string>> | undefined): readonly string[] {
  return Object.entries(env ?? {}).map(([name, value]) => `${name}=${value}`);
}

/** `Mounts` refuses a bind source that is not there, where `Binds` would create it, owned by root. */
function mountBody(mount: Mount): object {
  return { Type: mount.type, Source: mount.source ?? '', Target: mount.target, ReadOnly: mount.readOnly ?? false };
}

function groupBindings(bindings: readonly (readonly [string, object])[]): Record<string, object[]> {
  const groups: Record<string, object[]> = {};
  for (const [port, binding] of bindings) (groups[port] ??= []).push(binding);
  return groups;
}
