import { posix } from 'node:path';
import type { Place, Placed } from '../core/place.js';
import type { ArtifactSpec, DevPort, ImageSpec } from './project.js';
import type { Report } from './shape.js';

/** Two images under one repository name would overwrite each other's tags. */
export function checkRepositories(images: ReadonlyMap<string, ImageSpec>, report: Report): void {
  const seen = new Map<string, Place>();
  for (const image of images.values()) {
    reportTwice(seen, image.repository, image.place, `two images have the name ${image.repository}`, report);
  }
}

/** Certain collisions only: two environments in one folder, two node_modules in one folder. */
export function checkPrefixes(images: ReadonlyMap<string, ImageSpec>, artifacts: ReadonlyMap<string, ArtifactSpec>, report: Report): void {
  for (const image of images.values()) {
    const seen = new Map<string, { name: string; place: Place }>();
    for (const { value: name, place } of image.artifacts) {
      const artifact = artifacts.get(name);
      if (!artifact || artifact.kind === 'command') continue;
      const taken = artifact.kind === 'node' ? posix.join(artifact.prefix, 'node_modules') : artifact.prefix;
      const first = seen.get(taken);
      if (!first) seen.set(taken, { name, place });
      else {
        report({
          reason: 'config',
          message: `the artifacts ${first.name} and ${name} both fill ${taken} in images.${image.name}`,
          place,
          related: { message: `${first.name} is named here`, place: first.place },
          advice: 'Give one of them another `prefix`',
        });
      }
    }
  }
}

export function checkPorts(entries: readonly { readonly place: Place; readonly ports: readonly DevPort[] }[], report: Report): void {
  const seen = new Map<string, Place>();
  for (const { place, ports } of entries) {
    for (const port of ports) {
      if (port.hostPort === 0) continue;
      const id = `${port.hostIp.includes(':') ? `[${port.hostIp}]` : port.hostIp}:${port.hostPort}/${port.protocol}`;
      reportTwice(seen, id, place, `the host port ${id} is published twice`, report);
    }
  }
}

/** Reports the second one of an id, with where the first is. */
export function reportTwice(seen: Map<string, Place>, id: string, place: Place, message: string, report: Report): void {
  const first = seen.get(id);
  if (first) report({ reason: 'config', message, place, related: { message: 'first used here', place: first } });
  else seen.set(id, place);
}

/** Reports what is listed twice and gives each once. */
export function distinct(list: readonly Placed<string>[], what: string, report: Report): Placed<string>[] {
  const seen = new Map<string, Place>();
  return list.filter(({ value, place }) => {
    const twice = seen.has(value);
    reportTwice(seen, value, place, `the ${what} ${value} is listed twice`, report);
    return !twice;
  });
}
