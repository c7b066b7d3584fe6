import { stat } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import type { DevSpec, Project } from '../config/project.js';
import { Failed, fail, type Problem } from '../core/failure.js';
import type { ContainerSpec } from '../engine/engine.js';
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
    advice: near !== undefined ? `did you mean ${near}?` : names.length > 0 ? `those of ${project.file} are ${names.join(', ')}` : `${project.file} has none: add an image with \`role: true\``,
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
    // Whatever home the image has, it is not this user's.
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

function joinPath(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder}/${name}`;
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || folder === '/' || path.startsWith(`${folder}/`);
}
