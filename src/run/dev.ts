import { stat } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import type { DevSpec, Project } from '../config/project.js';
import { Failed, fail, type Problem } from '../core/failure.js';
import type { ContainerSpec, Engine } from '../engine/engine.js';
import { nearest } from '../util/nearest.js';

/** What a developer asked for with `artifacts dev ROLE [-- COMMAND…]`. */
export interface DevRequest {
  readonly role: string;
  /** Replaces the mode's own command. */
  readonly command: readonly string[];
  /** Both ends are a terminal. */
  readonly tty: boolean;
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Identifies the run in labels, so that leftovers can be told from live containers. */
  readonly labels: Readonly<Record<string, string>>;
  readonly hostEnv: Readonly<Record<string, string | undefined>>;
}

/** The mode of that name; a role without an entry under `dev:` runs its image as it is. */
export function devSpec(project: Project, role: string): DevSpec {
  const spec = project.dev.get(role);
  if (spec !== undefined) return spec;
  const image = project.images.get(role);
  if (image !== undefined) {
    const { name, place } = image;
    return { name, place, image: { value: name, place }, mounts: [], ports: [], env: {}, passEnv: [] };
  }
  const names = [...new Set([...project.dev.keys(), ...[...project.images.values()].filter((one) => one.role).map((one) => one.name)])];
  const near = nearest(role, names);
  return fail({
    reason: 'usage',
    message: `no role or dev mode is named "${role}"`,
    advice: near === undefined ? `${project.file} has: ${names.join(', ') || 'none'}` : `did you mean "${near}"?`,
  });
}

/** Checks what the engine would otherwise make a mess of: absent sources, and mounts that hide an artifact. */
export async function checkMounts(project: Project, spec: DevSpec, artifacts: readonly string[]): Promise<void> {
  const problems: Problem[] = [];
  for (const mount of spec.mounts) {
    const source = isAbsolute(mount.source) ? mount.source : resolve(project.root, mount.source);
    if ((await stat(source).catch(() => undefined)) === undefined) {
      problems.push({
        reason: 'config',
        message: `the mount's source ${mount.source} does not exist`,
        place: mount.place,
        advice: 'create it; the engine would make a folder there that belongs to root',
      });
    }
    for (const name of artifacts) {
      const artifact = project.artifacts.get(name);
      if (artifact === undefined) continue;
      const content = artifact.kind === 'node' ? joinPath(artifact.prefix, 'node_modules') : artifact.prefix;
      if (!isBelow(content, mount.target)) continue;
      problems.push({
        reason: 'config',
        message: `the mount at ${mount.target} hides the artifact "${name}" at ${content}`,
        place: mount.place,
        related: { message: `"${name}" is defined here`, place: artifact.place },
        advice:
          artifact.kind === 'node'
            ? 'give it a prefix above the mount (node finds /node_modules from everywhere: prefix: /), or mount the folders below'
            : 'give it a prefix outside the mount, or mount the folders below',
      });
    }
  }
  if (problems.length > 0) throw new Failed(problems);
}

/** The container of a dev mode: the host user, the mounted sources, the ports, and nothing that outlives it. */
export function devContainer(project: Project, spec: DevSpec, image: string, request: DevRequest): ContainerSpec {
  const command = request.command.length > 0 ? request.command : spec.command;
  const passed = Object.fromEntries(
    spec.passEnv.flatMap((name) => {
      const value = request.hostEnv[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
  return {
    image,
    ...(command === undefined ? {} : { command }),
    user: `${request.owner.uid}:${request.owner.gid}`,
    // The host user has no entry in the image's passwd, so nothing tells programs of a home that they may write to.
    env: { HOME: '/tmp', ...passed, ...spec.env },
    ...(spec.workingDir === undefined ? {} : { workingDir: spec.workingDir }),
    labels: request.labels,
    mounts: spec.mounts.map((mount) => ({
      type: 'bind' as const,
      source: isAbsolute(mount.source) ? mount.source : resolve(project.root, mount.source),
      target: mount.target,
      readOnly: mount.readOnly,
    })),
    ports: spec.ports,
    ...(spec.network === undefined ? {} : { network: spec.network }),
    noNewPrivileges: true,
    init: true,
    tty: request.tty,
    openStdin: true,
  };
}

/** The terminal or pipes that the container is connected to. */
export interface Console {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Calls back for each signal that the container should get; returns how to stop that. */
  onSignal(forward: (signal: string) => void): () => void;
}

/** Runs the container to its end, connected to the console; resolves to its exit status. Nothing of it is left. */
export async function runAttached(engine: Engine, spec: ContainerSpec, io: Console): Promise<number> {
  const container = await engine.createContainer(spec);
  const tty = spec.tty === true;
  const undo: (() => void)[] = [];
  try {
    const attached = await container.attach({ stdin: true, tty });
    attached.stdout.pipe(io.stdout, { end: false });
    attached.stderr.pipe(io.stderr, { end: false });
    io.stdin.pipe(attached.stdin);
    undo.push(() => {
      io.stdin.unpipe(attached.stdin);
      io.stdin.pause();
    });
    if (tty) undo.push(rawTerminal(io.stdin));
    const ended = container.wait();
    ended.catch(() => {});
    await container.start();
    undo.push(io.onSignal((signal) => void container.kill(signal).catch(() => {})));
    if (tty) {
      const resize = () => void container.resize(io.stdout.columns, io.stdout.rows).catch(() => {});
      resize();
      io.stdout.on('resize', resize);
      undo.push(() => io.stdout.off('resize', resize));
    }
    const { exitCode } = await ended;
    await Promise.race([drained(attached.stdout, attached.stderr), pause(500)]);
    return exitCode;
  } finally {
    for (const step of undo.reverse()) step();
    await container.remove();
  }
}

function rawTerminal(stdin: NodeJS.ReadStream): () => void {
  stdin.setRawMode(true);
  return () => stdin.setRawMode(false);
}

/** Output may still be on its way when the container has ended. */
async function drained(...streams: NodeJS.ReadableStream[]): Promise<void> {
  await Promise.all(streams.map((stream) => new Promise((resolve) => stream.once('end', resolve).once('close', resolve).once('error', resolve))));
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, milliseconds).unref());
}

function joinPath(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder}/${name}`;
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || folder === '/' || path.startsWith(`${folder}/`);
}
