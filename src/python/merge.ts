import { compare } from '../core/record.js';
import { markerApplies } from './marker.js';
import type { Requirement, RequirementInput } from './requirement.js';
import { pinnedVersion } from './specifier.js';

/** Requirements that hold in this environment, one per name, constraints applied. */
export function activeRequirements(input: Pick<RequirementInput, 'requirements' | 'constraints'>, variables: Readonly<Record<string, string>>): readonly Requirement[] {
  const merged = new Map<string, Requirement>();
  for (const requirement of input.requirements.filter(({ marker }) => markerApplies(marker, variables))) {
    const key = requirement.name ?? JSON.stringify(requirement.source);
    const earlier = merged.get(key);
    merged.set(key, earlier === undefined ? requirement : merge(earlier, requirement));
  }
  for (const constraint of input.constraints.filter(({ marker }) => markerApplies(marker, variables))) {
    const earlier = constraint.name === undefined ? undefined : merged.get(constraint.name);
    if (earlier !== undefined && constraint.name !== undefined) merged.set(constraint.name, { ...merge(earlier, constraint), extras: earlier.extras });
  }
  return [...merged.values()];
}

function merge(a: Requirement, b: Requirement): Requirement {
  const source = a.source.kind === 'index' ? b.source : a.source;
  // Both lines must hold: where both have hashes, only those that both allow.
  const common = a.hashes.filter((hash) => b.hashes.includes(hash));
  const hashes = a.hashes.length === 0 ? b.hashes : b.hashes.length === 0 ? a.hashes : common;
  return {
    ...a,
    source,
    hashes,
    extras: [...new Set([...a.extras, ...b.extras])].sort(compare),
    specifiers: [...a.specifiers, ...b.specifiers],
    configSettings: [...a.configSettings, ...b.configSettings],
    globalOptions: [...a.globalOptions, ...b.globalOptions],
  };
}

/** True if the requirement names one version, commit or file. */
export function isExact({ source, specifiers }: Requirement): boolean {
  switch (source.kind) {
    case 'index':
      return pinnedVersion(specifiers) !== undefined;
    case 'vcs':
      return source.vcs === 'git' && /^[0-9a-f]{40}$/.test(source.revision ?? '');
    case 'url':
    case 'path':
      return true;
  }
}
