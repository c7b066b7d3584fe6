import type { Problem } from '../core/failure.js';
import { canonicalMarker } from './marker.js';
import type { Requirement } from './requirement.js';
import { pinnedVersion } from './specifier.js';
import { compareVersions, normalizeVersion, parseVersion } from './version.js';

/** What is wrong between the lines of requirement files: constraints that pip refuses, pins that contradict each other. */
export function checkRequirements(requirements: readonly Requirement[], constraints: readonly Requirement[]): readonly Problem[] {
  return [...constraints.flatMap(constraintProblems), ...contradictions(requirements)];
}

function constraintProblems(constraint: Requirement): readonly Problem[] {
  const complain = (message: string): readonly Problem[] => [{ reason: 'requirements', message, place: constraint.place }];
  if (constraint.editable) return complain('a constraint cannot be editable');
  if (constraint.name === undefined) return complain('a constraint must name its package');
  return constraint.extras.length > 0 ? complain(`the constraint for ${constraint.name} cannot have extras`) : [];
}

/** Two pins of one name with the same marker (or none) that differ: no environment can satisfy both. */
function contradictions(requirements: readonly Requirement[]): readonly Problem[] {
  const first = new Map<string, Requirement>();
  return requirements.flatMap((requirement): readonly Problem[] => {
    const pin = pinOf(requirement);
    if (requirement.name === undefined || pin === undefined) return [];
    const key = `${requirement.name} ${requirement.marker === undefined ? '' : canonicalMarker(requirement.marker)}`;
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, requirement);
      return [];
    }
    if (samePin(pinOf(earlier) as string, pin)) return [];
    return [
      {
        reason: 'requirements',
        message: `${requirement.name} is required twice, as ${pinOf(earlier)} and as ${pin}`,
        place: requirement.place,
        related: { message: 'first required here', place: earlier.place },
        advice: 'Keep one of the two lines',
      },
    ];
  });
}

/** The version or the source that a requirement is pinned to, for comparing and showing. */
function pinOf({ specifiers, source }: Requirement): string | undefined {
  if (source.kind === 'url') return source.url.shown;
  if (source.kind === 'vcs') return source.url.shown + (source.revision === undefined ? '' : `@${source.revision}`);
  if (source.kind === 'path') return source.path;
  const pinned = pinnedVersion(specifiers);
  return pinned === undefined ? undefined : normalizeVersion(pinned);
}

/** `1.0` and `1.0.0` are one version. */
function samePin(a: string, b: string): boolean {
  const [left, right] = [parseVersion(a), parseVersion(b)];
  return left === undefined || right === undefined ? a === b : compareVersions(left, right) === 0;
}
